import type { ClipboardEvent } from 'react';

/** Places of the digits of a digest: what stands under the strip before there is a file. */
export const NO_DIGEST = '·'.repeat(64);

/**
 * A digest spread over the width of the strip above it, one hex digit under each sixty-fourth of it (two lines on
 * narrow screens, four where letters are set much larger). Copies and reads as one word.
 */
export function DigestRuler({
  digest,
  label,
  className = '',
}: {
  readonly digest: string;
  readonly label?: string;
  readonly className?: string;
}) {
  return (
    <code
      {...(label ? { role: 'img', 'aria-label': `${label}: ${digest}` } : { 'aria-hidden': true })}
      dir="ltr"
      onCopy={copyAsOneWord}
      data-digest={digest}
      className={`grid text-center grid-cols-[repeat(32,minmax(0,1fr))] font-mono text-xs max-[20rem]:grid-cols-[repeat(16,minmax(0,1fr))] md:grid-cols-[repeat(64,minmax(0,1fr))] ${className}`}
    >
      {Array.from(digest, (digit, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a digit is its place
        <span key={place}>{digit}</span>
      ))}
    </code>
  );
}

/** Each digit is a box of its own, which a browser would copy as a line of its own. */
function copyAsOneWord(event: ClipboardEvent<HTMLElement>): void {
  const selection = document.getSelection();
  const isWithin = (end: Node | null | undefined) => event.currentTarget.contains(end ?? null);
  if (!isWithin(selection?.anchorNode) || !isWithin(selection?.focusNode)) return;
  event.preventDefault();
  event.clipboardData.setData('text/plain', String(selection).replace(/\s/g, ''));
}
