import { navigate } from '../../lib/router.ts';

/** What a room's code, link and QR lead to. */
export function roomLink(code: string): string {
  return `${window.location.origin}/people/${encodeURIComponent(code)}`;
}

/** Null: the room of the network. */
export function toRoom(code: string | null): void {
  navigate(code === null ? '/people' : `/people/${encodeURIComponent(code)}`);
}
