import { useLanguage } from '../messages/language.tsx';

/** How fast it goes and how long it still takes, for a list of facts. Nothing where that is not known. */
export function Pace({
  bytesPerSecond,
  leftMs,
}: {
  readonly bytesPerSecond: number | null;
  readonly leftMs: number | null;
}) {
  const { messages, format } = useLanguage();
  if (!bytesPerSecond) return null;
  return (
    <>
      <li className="rate">{format.rate(bytesPerSecond)}</li>
      {leftMs !== null && Number.isFinite(leftMs) && <li>{messages.upload.left(format.duration(leftMs))}</li>}
    </>
  );
}
