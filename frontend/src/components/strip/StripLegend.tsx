import { useLanguage } from '../../messages/language.tsx';

/** What the strip's colours mean: to who sends, or in the words of who looks at it from another side. */
export function StripLegend({
  words,
}: {
  readonly words?: { readonly there: string; readonly moving: string; readonly waiting: string };
}) {
  const { messages } = useLanguage();
  const entries = [
    ['bg-ink', words?.there ?? messages.strip.legendStored],
    ['bg-accent', words?.moving ?? messages.strip.legendMoving],
    ['bg-cell', words?.waiting ?? messages.strip.legendWaiting],
  ] as const;
  return (
    <ul className="flex flex-wrap gap-x-5 text-sm text-ink-soft">
      {entries.map(([colour, label]) => (
        <li key={label} className="flex items-center gap-2">
          <span aria-hidden="true" className={`h-3 w-1 ${colour}`} />
          {label}
        </li>
      ))}
    </ul>
  );
}
