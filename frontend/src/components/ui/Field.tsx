import { ChevronDown } from 'lucide-react';
import { type ComponentPropsWithRef, useId } from 'react';

export const FIELD_CLASS =
  'h-11 w-full rounded-md border border-hairline bg-sheet px-3 text-base text-ink placeholder:text-ink-soft hover:border-ink-faint focus-visible:rounded-md';

/** The browser's own list: on a phone it is the wheel everyone knows. */
export function SelectField({
  label,
  value,
  onChange,
  choices,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly choices: readonly { readonly value: string; readonly label: string }[];
}) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm text-ink-soft">
        {label}
      </label>
      <div className="relative">
        <select
          id={id}
          value={value}
          disabled={choices.length === 0}
          onChange={(event) => onChange(event.target.value)}
          className={`${FIELD_CLASS} appearance-none pe-9`}
        >
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
        <ChevronDown
          aria-hidden
          className="pointer-events-none absolute end-3 top-3 size-5 text-ink-soft"
          strokeWidth={1.5}
        />
      </div>
    </div>
  );
}

/** What only those who were told it know; under it, why it was not taken. */
export function SecretField({
  label,
  wrong,
  className = '',
  ...rest
}: ComponentPropsWithRef<'input'> & {
  readonly label: string;
  /** Null: nothing is wrong with it. */
  readonly wrong: string | null;
}) {
  const id = useId();
  const wrongId = useId();
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm text-ink-soft">
        {label}
      </label>
      <input
        id={id}
        type="password"
        autoComplete="current-password"
        aria-invalid={wrong !== null}
        {...(wrong === null ? {} : { 'aria-describedby': wrongId })}
        className={`${FIELD_CLASS} ${className}`}
        {...rest}
      />
      {wrong !== null && (
        <p id={wrongId} role="alert" className="text-sm text-red-ink">
          {wrong}
        </p>
      )}
    </div>
  );
}
