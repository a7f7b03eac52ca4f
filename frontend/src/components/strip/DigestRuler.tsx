/** The BLAKE3 of no bytes at all, as any b3sum prints it: what stands under the strip before there is a file. */
export const EMPTY_DIGEST = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';

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
