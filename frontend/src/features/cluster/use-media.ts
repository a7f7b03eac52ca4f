import { useCallback, useSyncExternalStore } from 'react';

/** Where nodes are a table and lists scroll in themselves: as in cluster.css. */
export const IS_DESK = '(width >= 64rem)';

/** Whether a media query holds, followed. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener('change', listener);
      return () => media.removeEventListener('change', listener);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}
