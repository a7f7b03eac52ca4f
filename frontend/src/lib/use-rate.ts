import { useEffect, useRef, useState } from 'react';
import { RateMeter } from '../transfer-engine/rate-meter.ts';

const LOOK_EVERY_MS = 1_000;

/** Bytes per second of a total that grows while one looks; null until that is known, and when nothing comes any more. */
export function useRate(totalBytes: number, isRunning: boolean): number | null {
  const meter = useRef(new RateMeter());
  const [rate, setRate] = useState<number | null>(null);
  useEffect(() => {
    if (!isRunning) return;
    const look = () => setRate(meter.current.bytesPerSecond(performance.now()));
    meter.current.note(totalBytes, performance.now());
    look();
    // When nothing comes any more, nothing else tells.
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [totalBytes, isRunning]);
  return isRunning ? rate : null;
}
