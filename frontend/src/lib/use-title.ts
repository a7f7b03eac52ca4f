import { useEffect, useState } from 'react';
import { TitleStack } from './title-stack.ts';

/** What the parts on the screen are called, and what is so urgent that it stands there instead. */
const titles = new TitleStack(document.title);
let urgent: string | null = null;

function show(): void {
  document.title = urgent ?? titles.shown();
}

/** Keeps the tab's title while the component is there. Null: it has none of its own right now. */
export function useTitle(title: string | null): void {
  // Taken at the first rendering, in which what is around comes first.
  const [place] = useState(() => titles.takePlace());
  useEffect(() => {
    titles.set(place, title);
    show();
  }, [place, title]);
  useEffect(
    () => () => {
      titles.set(place, null);
      show();
    },
    [place],
  );
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
