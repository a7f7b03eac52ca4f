import { type RefObject, useEffect, useRef } from 'react';
import { FlowPainter, type FlowPicture } from './flow-painter.ts';

/** Keeps a canvas painted: in the person's colours, and still for those who want no motion. */
export function useFlowPainter(picture: FlowPicture, isStill: boolean): RefObject<HTMLCanvasElement | null> {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<FlowPainter | null>(null);
  const isOld = useRef(isStill);
  useEffect(() => {
    if (!canvas.current) return;
    const current = new FlowPainter(canvas.current);
    painter.current = current;
    const stillness = matchMedia('(prefers-reduced-motion: reduce)');
    const darkness = matchMedia('(prefers-color-scheme: dark)');
    const setStill = () => current.setStill(stillness.matches || isOld.current);
    const recolour = () => current.recolour();
    setStill();
    stillness.addEventListener('change', setStill);
    darkness.addEventListener('change', recolour);
    return () => {
      stillness.removeEventListener('change', setStill);
      darkness.removeEventListener('change', recolour);
      current.stop();
      painter.current = null;
    };
  }, []);
  useEffect(() => {
    isOld.current = isStill;
    painter.current?.setStill(isStill || matchMedia('(prefers-reduced-motion: reduce)').matches);
  }, [isStill]);
  useEffect(() => painter.current?.show(picture), [picture]);
  return canvas;
}
