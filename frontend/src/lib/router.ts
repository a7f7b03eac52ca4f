/** A few pages and no library: the address is the state. */
import { useSyncExternalStore } from 'react';

export type Route =
  | { readonly page: 'send' }
  | { readonly page: 'mine' }
  | { readonly page: 'cluster' }
  /** Null: the room of the network. */
  | { readonly page: 'people'; readonly code: string | null }
  | { readonly page: 'receive'; readonly shareId: string }
  | { readonly page: 'unknown' };

export function routeOf(pathname: string): Route {
  const path = pathname.replace(/\/+$/, '') || '/';
  if (path === '/') return { page: 'send' };
  if (path === '/mine') return { page: 'mine' };
  if (path === '/cluster') return { page: 'cluster' };
  if (path === '/people') return { page: 'people', code: null };
  const [, page, text] = /^\/(d|people)\/([^/]+)$/.exec(path) ?? [];
  if (!text) return { page: 'unknown' };
  try {
    const name = decodeURIComponent(text);
    return page === 'd' ? { page: 'receive', shareId: name } : { page: 'people', code: name };
  } catch {
    return { page: 'unknown' };
  }
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

export function navigate(path: string): void {
  if (path === window.location.pathname) return;
  window.history.pushState(null, '', path);
  window.scrollTo(0, 0);
  for (const listener of listeners) listener();
}

export function usePathname(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}
