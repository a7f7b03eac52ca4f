import { useSyncExternalStore } from 'react';

export interface Store<T> {
  readonly read: () => T;
  readonly subscribe: (listener: () => void) => () => void;
  readonly change: (next: (before: T) => T) => void;
}

/** State that outlives the component that shows it. */
export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    read: () => value,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change(next) {
      const after = next(value);
      if (after === value) return;
      value = after;
      for (const listener of listeners) listener();
    },
  };
}

export function useStore<T>(store: Pick<Store<T>, 'read' | 'subscribe'>): T {
  return useSyncExternalStore(store.subscribe, store.read);
}
