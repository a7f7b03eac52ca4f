import { useEffect, useRef } from 'react';
import { useLanguage } from '../../messages/language.tsx';
import { countCells } from './strip-layout.ts';
import { StripPainter } from './strip-painter.ts';

/**
 * The transfer as the strip of its real chunks: progress bar, proof and brand in one. `cells` may be changed in place;
 * `revision` tells that it was. It fills the way its reader reads: from the right where lines begin there, as every
 * other progress bar of such a page does. The digest under it does not turn: its digits are no places of chunks.
 */
export function ChunkStrip({
  cells,
  revision,
  isSealed,
  isPaused = false,
  label,
  className = 'h-14',
}: {
  readonly cells: Uint8Array;
  readonly revision: number;
  readonly isSealed: boolean;
  readonly isPaused?: boolean;
  /** Instead of the count of chunks, where the cells stand for something else. */
  readonly label?: string;
  readonly className?: string;
}) {
  const { messages, format } = useLanguage();
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<StripPainter | null>(null);

  useEffect(() => {
    if (!canvas.current) return;
    const current = new StripPainter(canvas.current);
    painter.current = current;
    const stillness = matchMedia('(prefers-reduced-motion: reduce)');
    const darkness = matchMedia('(prefers-color-scheme: dark)');
    const setStill = () => {
      current.isStill = stillness.matches;
    };
    const recolour = () => current.recolour();
    setStill();
    stillness.addEventListener('change', setStill);
    darkness.addEventListener('change', recolour);
    const observer = new ResizeObserver(() => current.resize());
    observer.observe(canvas.current);
    return () => {
      stillness.removeEventListener('change', setStill);
      darkness.removeEventListener('change', recolour);
      observer.disconnect();
      current.stop();
      painter.current = null;
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: cells change in place, the revision stands for them
  useEffect(() => {
    painter.current?.show({ cells, isSealed, isPaused });
  }, [cells, revision, isSealed, isPaused]);

  const { stored, inFlight } = countCells(cells);
  const total = format.count(cells.length);
  const text =
    cells.length === 0
      ? messages.strip.empty
      : isSealed
        ? messages.strip.sealed(cells.length, total)
        : messages.strip.label(format.count(stored), cells.length, total, format.count(inFlight));
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={label ?? text}
      className={`block w-full rtl:-scale-x-100 ${className}`}
    />
  );
}
