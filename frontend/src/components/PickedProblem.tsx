import { nameOf } from '../lib/file-list.ts';
import type { PickingAgain } from '../lib/use-pick-again.ts';
import { useLanguage } from '../messages/language.tsx';

/** What a pick for an unfinished upload left open. */
export function PickedProblem({
  missing,
  count,
}: {
  readonly missing: PickingAgain['missing'];
  /** Files of the upload. */
  readonly count: number;
}) {
  const { messages, format } = useLanguage();
  const words = messages.upload;
  const [first] = missing?.paths ?? [];
  if (!missing || first === undefined) return null;
  const others = missing.paths.length - 1;
  return (
    <p role="alert" className="text-red-ink [overflow-wrap:anywhere]">
      {count === 1 ? words.notTheSame(nameOf(first)) : words.stillMissing(nameOf(first), others, format.count(others))}
      {missing.foundCount > 0 && ` ${words.restIsFound}`}
    </p>
  );
}
