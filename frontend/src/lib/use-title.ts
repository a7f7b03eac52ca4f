import { useEffect } from 'react';

/** Keeps the tab's title while the component is there. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}
