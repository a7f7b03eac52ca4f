import { type ReactNode, useRef } from 'react';
import { collectInput } from '../lib/collect-files.ts';
import type { CollectedFile } from '../lib/file-list.ts';
import { Button } from './ui/Button.tsx';

/** A button that opens the browser's own file or folder dialog. */
export function FilePicker({
  label,
  picksFolder = false,
  isSingle = false,
  variant = 'secondary',
  size = 'md',
  className = '',
  icon,
  onPick,
}: {
  readonly label: string;
  readonly picksFolder?: boolean;
  readonly isSingle?: boolean;
  readonly variant?: 'primary' | 'secondary' | 'quiet';
  readonly size?: 'md' | 'lg';
  readonly className?: string;
  readonly icon?: ReactNode;
  readonly onPick: (files: readonly CollectedFile[]) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button variant={variant} size={size} className={className} onClick={() => input.current?.click()}>
        {icon}
        {label}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={label}
        multiple={!isSingle}
        {...(picksFolder ? { webkitdirectory: '' } : {})}
        onChange={(event) => {
          if (event.target.files) onPick(collectInput(event.target.files));
          // The same file may be picked again right away.
          event.target.value = '';
        }}
      />
    </>
  );
}
