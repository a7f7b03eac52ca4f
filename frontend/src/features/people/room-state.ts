/** Being seen in a room: one wish, many connections. Pure. */
import type { PeopleSnapshot } from '../../../../services/contracts/people.ts';
import type { Fault } from '../../transfer-engine/fault.ts';

export type RoomState =
  /** Seen by nobody. */
  | { readonly name: 'away' }
  /** Not in the room right now; who was there last stays on the screen. */
  | { readonly name: 'joining'; readonly wanted: string | null; readonly last: PeopleSnapshot | null }
  | { readonly name: 'joined'; readonly wanted: string | null; readonly snapshot: PeopleSnapshot }
  | { readonly name: 'refused'; readonly wanted: string | null; readonly fault: Fault };

export type RoomEvent =
  | { readonly type: 'wanted'; readonly room: string | null }
  | { readonly type: 'lost' }
  /** Answer to the joining of this room. */
  | { readonly type: 'joined'; readonly room: string | null; readonly snapshot: PeopleSnapshot }
  | { readonly type: 'refused'; readonly room: string | null; readonly fault: Fault }
  | { readonly type: 'changed'; readonly snapshot: PeopleSnapshot }
  | { readonly type: 'left' };

export function nextRoom(state: RoomState, event: RoomEvent): RoomState {
  switch (event.type) {
    case 'wanted':
      if (state.name !== 'away' && state.name !== 'refused' && state.wanted === event.room) return state;
      return { name: 'joining', wanted: event.room, last: null };
    case 'lost':
      return state.name === 'joined' ? { name: 'joining', wanted: state.wanted, last: state.snapshot } : state;
    case 'joined':
      // An answer about a room that is no longer wanted says nothing about the one that is.
      if (state.name === 'away' || state.wanted !== event.room) return state;
      return { name: 'joined', wanted: state.wanted, snapshot: ordered(event.snapshot) };
    case 'refused':
      if (state.name === 'away' || state.wanted !== event.room) return state;
      return { name: 'refused', wanted: state.wanted, fault: event.fault };
    case 'changed':
      if (state.name !== 'joined' || !isSameRoom(state.snapshot, event.snapshot)) return state;
      return { ...state, snapshot: ordered(event.snapshot) };
    case 'left':
      return { name: 'away' };
  }
}

function isSameRoom({ room: a }: PeopleSnapshot, { room: b }: PeopleSnapshot): boolean {
  if (a?.kind === 'named' && b?.kind === 'named') return a.code === b.code;
  return a?.kind === b?.kind;
}

/** One another by name, and each once. */
function ordered(snapshot: PeopleSnapshot): PeopleSnapshot {
  const others = new Map(snapshot.people.filter(({ id }) => id !== snapshot.you.id).map((one) => [one.id, one]));
  const people = [...others.values()].sort(
    (a, b) => a.displayName.localeCompare(b.displayName) || (a.id < b.id ? -1 : 1),
  );
  return { ...snapshot, people };
}

/** What is on the screen: who is there, or was a moment ago. */
export function snapshotOf(state: RoomState): PeopleSnapshot | null {
  if (state.name === 'joined') return state.snapshot;
  return state.name === 'joining' ? state.last : null;
}

const MAX_CODE_CHARS = 64;

/** The code in what a person typed or pasted: itself, or the address of its room. Empty when there is none. */
export function codeIn(text: string): string {
  const trimmed = text.trim();
  const address = /\/people\/([^/?#\s]+)/.exec(trimmed)?.[1];
  return (address ?? trimmed).replaceAll(/\s/g, '').slice(0, MAX_CODE_CHARS);
}
