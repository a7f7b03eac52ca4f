import type { ComponentPropsWithRef } from 'react';

type Variant = 'primary' | 'secondary' | 'quiet' | 'danger';
type Size = 'md' | 'lg';

const BASE =
  'inline-flex shrink-0 items-center justify-center gap-2 rounded-md font-medium whitespace-nowrap select-none ' +
  'transition-[transform,opacity] duration-150 ease-out active:translate-y-px ' +
  'disabled:opacity-50 disabled:active:translate-y-0 aria-disabled:opacity-50 aria-disabled:active:translate-y-0 ' +
  // A phone whose letters were set much larger is this narrow: there a long label takes two lines.
  'max-[20rem]:shrink max-[20rem]:py-2 max-[20rem]:text-center max-[20rem]:whitespace-normal';
const VARIANTS: Record<Variant, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-deep',
  secondary: 'border border-hairline bg-sheet text-ink hover:border-ink-faint',
  quiet: 'text-ink-soft underline-offset-4 hover:text-ink hover:underline',
  danger: 'border border-hairline bg-sheet text-red-ink hover:border-red',
};
const SIZES: Record<Size, string> = {
  md: 'h-11 px-4 text-base max-[20rem]:h-auto max-[20rem]:min-h-11',
  lg: 'h-14 px-7 text-lg max-[20rem]:h-auto max-[20rem]:min-h-14 max-[20rem]:px-4',
};

/** The look of a button, also for links and labels that act like one. */
export function buttonClass(variant: Variant = 'secondary', size: Size = 'md'): string {
  return `${BASE} ${VARIANTS[variant]} ${SIZES[size]}`;
}

/**
 * @param isBusy what it was pressed for goes on: further presses do nothing. Not `disabled`, which would take the focus
 *   away from who pressed it by key.
 */
export function Button({
  variant = 'secondary',
  size = 'md',
  className = '',
  isBusy = false,
  onClick,
  ...rest
}: ComponentPropsWithRef<'button'> & { readonly variant?: Variant; readonly size?: Size; readonly isBusy?: boolean }) {
  return (
    <button
      type="button"
      aria-disabled={isBusy || undefined}
      onClick={isBusy ? (event) => event.preventDefault() : onClick}
      className={`${buttonClass(variant, size)} ${className}`}
      {...rest}
    />
  );
}

/** A square button with an icon only; `label` is its name. 44 px, so that a thumb finds it. */
export function IconButton({
  label,
  className = '',
  ...rest
}: ComponentPropsWithRef<'button'> & { readonly label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-11 shrink-0 items-center justify-center rounded-md text-ink-soft transition-opacity duration-150 hover:bg-cell hover:text-ink disabled:opacity-50 ${className}`}
      {...rest}
    />
  );
}
