/** A part of the page in a file of its own. Unlike React's `lazy`, one that did not load is asked for anew. */
export interface Later<T> {
  /** Null until it is there. */
  readonly read: () => T | null;
  /** Null when it did not load: the line is down, or the server has another build. Never rejects. */
  readonly load: () => Promise<T | null>;
}

export function later<T>(fetchPart: () => Promise<T>): Later<T> {
  let part: T | null = null;
  let loading: Promise<T | null> | null = null;
  const load = async () => {
    try {
      part = await fetchPart();
      return part;
    } catch {
      return null;
    } finally {
      loading = null;
    }
  };
  return {
    read: () => part,
    load: () => {
      if (part !== null) return Promise.resolve(part);
      loading ??= load();
      return loading;
    },
  };
}
