import { useMemo } from 'react';
import { type Mark, markOf } from './mark.ts';

const COLOURS: Record<Mark['ground'], { readonly ground: string; readonly bars: string; readonly holes: string }> = {
  cell: { ground: 'fill-cell', bars: 'fill-ink', holes: 'fill-cell' },
  ink: { ground: 'fill-ink', bars: 'fill-paper', holes: 'fill-ink' },
  sheet: { ground: 'fill-sheet stroke-hairline', bars: 'fill-ink-soft', holes: 'fill-sheet' },
};

/** Somebody's face, drawn from their id. Beside their name it says nothing new: not for screen readers. */
export function PersonMark({ id, className = 'size-10' }: { readonly id: string; readonly className?: string }) {
  const { size, bars, holes, ground } = useMemo(() => markOf(id), [id]);
  const colours = COLOURS[ground];
  return (
    <svg aria-hidden="true" viewBox={`0 0 ${size} ${size}`} className={`shrink-0 ${className}`}>
      <rect x="0.5" y="0.5" width={size - 1} height={size - 1} rx="10" className={colours.ground} />
      {bars.map((bar) => (
        <rect key={bar.x} {...bar} className={colours.bars} />
      ))}
      {holes.map((hole) => (
        <rect key={`${hole.x} ${hole.y}`} {...hole} className={colours.holes} />
      ))}
    </svg>
  );
}
