import { type RefObject, useLayoutEffect, useRef } from 'react';

/** The element that "Skip to content" leads to. */
export const CONTENT_ID = 'content';

/** The focus goes to the page's content, for want of anything nearer. Does nothing while something has it. */
export function focusHome(): void {
  if (document.activeElement !== document.body) return;
  document.getElementById(CONTENT_ID)?.focus({ preventScroll: true });
}

/**
 * For what goes away by a button of its own: who pressed it by key would find the focus nowhere, and begin at the top of
 * the page. To be put on the element that goes.
 * @param nearer what takes its place, or led there: null when that is gone, too
 */
export function useFocusHome<T extends HTMLElement>(nearer?: () => HTMLElement | null): RefObject<T | null> {
  const element = useRef<T>(null);
  const latest = useRef(nearer);
  latest.current = nearer;
  useLayoutEffect(
    () => () => {
      if (!element.current?.contains(document.activeElement)) return;
      // It is still there now, and gone a moment later.
      queueMicrotask(() => {
        if (document.activeElement === document.body) latest.current?.()?.focus();
        focusHome();
      });
    },
    [],
  );
  return element;
}
