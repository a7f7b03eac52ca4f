/** The room this page is seen in: one for the page's life, whichever page is shown. */
import { noteAmongPeople, seenNow } from '../../lib/arriving.ts';
import { live } from '../../lib/live.ts';
import { session } from '../../lib/session.ts';
import { createStore } from '../../lib/store.ts';
import { nextRoom, type RoomEvent, type RoomState } from './room-state.ts';

/** After an answer that did not come, or one that asks for patience. */
const AGAIN_AFTER_MS = 1_000;

const store = createStore<RoomState>({ name: 'away' });
let leaveSocket: (() => void) | null = null;
let againTimer: ReturnType<typeof setTimeout> | null = null;

function tell(event: RoomEvent): void {
  store.change((before) => nextRoom(before, event));
  const state = store.read();
  seenNow.change(() => state.name === 'joined' && state.snapshot.room !== null);
}

async function join(): Promise<void> {
  const state = store.read();
  if (state.name === 'away') return;
  const room = state.wanted;
  if (againTimer !== null) clearTimeout(againTimer);
  const answer = await live.ask('people.join', { room });
  if (answer.ok) {
    tell({ type: 'joined', room, snapshot: answer.value });
    return;
  }
  const { fault } = answer;
  // The next connection asks again by itself.
  if (fault.kind === 'network') return;
  const isPassing = fault.kind === 'timeout' || (fault.kind === 'problem' && fault.retryAfterMs !== null);
  if (!isPassing) {
    tell({ type: 'refused', room, fault });
    return;
  }
  const waitMs = Math.max(AGAIN_AFTER_MS, fault.kind === 'problem' ? (fault.retryAfterMs ?? 0) : 0);
  againTimer = setTimeout(() => void join(), waitMs);
}

export const roomStore = {
  read: store.read,
  subscribe: store.subscribe,

  /** Be seen there from now on, also after the connection was lost, until another room is wanted or `leave`. */
  want(room: string | null): void {
    noteAmongPeople();
    const before = store.read();
    tell({ type: 'wanted', room });
    if (store.read() === before) return;
    if (leaveSocket === null) {
      leaveSocket = live.visit({
        connected: () => void join(),
        disconnected: () => tell({ type: 'lost' }),
        peopleChanged: (snapshot) => tell({ type: 'changed', snapshot }),
      });
    } else {
      void join();
    }
  },

  /** Be seen nowhere. */
  leave(): void {
    if (againTimer !== null) clearTimeout(againTimer);
    void live.ask('people.leave', {});
    leaveSocket?.();
    leaveSocket = null;
    tell({ type: 'left' });
  },
};

/** @returns whether the server took the name; others hear of it by themselves. */
export async function rename(displayName: string): Promise<boolean> {
  await session.rename(displayName);
  const state = session.read();
  if (state.name !== 'ready' || state.answer.session.displayName !== displayName) return false;
  await join();
  return true;
}
