import { useEffect, useState } from 'react';

export interface Shown<T> {
  readonly item: T;
  readonly isLeaving: boolean;
}

/** As long as the motion with which it goes. */
const LEAVING_MS = 240;

/** The items, and for a moment those that are no longer among them, so that they can be seen to go. */
export function useLeaving<T>(items: readonly T[], idOf: (item: T) => string): readonly Shown<T>[] {
  const [before, setBefore] = useState(items);
  const [leaving, setLeaving] = useState<readonly T[]>([]);
  if (before !== items) {
    const ids = new Set(items.map(idOf));
    const gone = before.filter((item) => !ids.has(idOf(item)));
    setBefore(items);
    // One that is back is no longer going.
    const still = leaving.filter((item) => !ids.has(idOf(item)));
    if (gone.length > 0 || still.length !== leaving.length) setLeaving([...still, ...gone]);
  }
  useEffect(() => {
    if (leaving.length === 0) return;
    const timer = setTimeout(() => setLeaving([]), LEAVING_MS);
    return () => clearTimeout(timer);
  }, [leaving]);
  return [...items.map((item) => ({ item, isLeaving: false })), ...leaving.map((item) => ({ item, isLeaving: true }))];
}
