import { useLanguage } from '../../messages/language.tsx';

/** What the strip's colours mean. */
export function StripLegend() {
  const { messages } = useLanguage();
  const entries = [
    ['bg-ink', messages.strip.legendStored],
    ['bg-accent', messages.strip.legendMoving],
    ['bg-cell', messages.strip.legendWaiting],
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
