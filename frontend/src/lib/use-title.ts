import { useEffect } from 'react';

/** What the page on the screen is called, and what is so urgent that it stands there instead. */
let ofPage = document.title;
let urgent: string | null = null;

function show(): void {
  document.title = urgent ?? ofPage;
}

/** Keeps the tab's title while the component is there. */
export function useTitle(title: string): void {
  useEffect(() => {
    ofPage = title;
    show();
  }, [title]);
}

/** Stands in the tab instead of the page's own title until it is null again, or the component is gone. */
export function useUrgentTitle(title: string | null): void {
  useEffect(() => {
    urgent = title;
    show();
    return () => {
      urgent = null;
      show();
    };
  }, [title]);
}
