/**
 * What the page's parts know of direct sends without loading any of it: whether this browser was ever among people,
 * and whether bytes are coming in right now.
 */
import { createStore } from './store.ts';

const SEEN_KEY = 'peerlink.people';

function hasBeenSeen(): boolean {
  try {
    return localStorage.getItem(SEEN_KEY) !== null;
  } catch {
    return false;
  }
}

/** Whoever has been among people may have been sent something: from then on the inbox is listened to on every page. */
export const amongPeople = createStore<boolean>(hasBeenSeen());

export function noteAmongPeople(): void {
  amongPeople.change(() => true);
  try {
    localStorage.setItem(SEEN_KEY, '1');
  } catch {
    // Storage refused: after a reload the inbox is heard again on the people's page.
  }
}

/** `written`: by the page itself, so that closing it would end them. */
export const arriving = createStore<{ readonly moving: number; readonly written: number }>({ moving: 0, written: 0 });
/** Whether others can see this person right now, for the mark in the navigation. */
export const seenNow = createStore<boolean>(false);
