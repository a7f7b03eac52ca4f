/** What was sent to this person, live. One for the page's life. */
import type { InboxItem, OfferItem } from '../../../../services/contracts/people.ts';
import { live } from '../../lib/live.ts';
import { peopleApi } from '../../lib/people-api.ts';
import { askAgainInMs } from '../../lib/retry.ts';
import { createStore } from '../../lib/store.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import { mergeInbox, seenUpTo, withProgress } from './inbox.ts';

const DISMISSED_KEY = 'peerlink.dismissed';
/** More than an inbox holds: what was forgotten here is no longer listed there. */
const MAX_DISMISSED = 300;

interface Dismissed {
  readonly id: string;
  readonly sequence: number;
}

function storedDismissed(): readonly Dismissed[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(DISMISSED_KEY) ?? '[]');
    return Array.isArray(parsed) ? (parsed as readonly Dismissed[]) : [];
  } catch {
    return [];
  }
}

const store = createStore<readonly InboxItem[]>([]);
let dismissed = storedDismissed();
let seenSequence = 0;
let againTimer: ReturnType<typeof setTimeout> | null = null;
let isOpen = false;

function hear(items: readonly InboxItem[]): void {
  const ids = new Set(dismissed.map(({ id }) => id));
  store.change((before) => mergeInbox(before, items, ids));
}

function change(id: string, changes: Partial<OfferItem>): void {
  store.change((before) =>
    before.map((item) => (item.id === id && item.kind === 'offer' ? { ...item, ...changes } : item)),
  );
}

async function read(): Promise<void> {
  if (againTimer !== null) clearTimeout(againTimer);
  const answer = await live.ask('inbox.read', {});
  if (answer.ok) {
    hear(answer.value.items);
    seenSequence = 0;
    tellSeen();
    return;
  }
  // The next connection asks by itself; a server that asks for patience gets it, and what it refuses is not asked again.
  const waitMs = answer.fault.kind === 'network' ? null : askAgainInMs(answer.fault);
  if (waitMs !== null && isOpen) againTimer = setTimeout(() => void read(), waitMs);
}

function tellSeen(): void {
  const sequence = seenUpTo(
    store.read(),
    dismissed.map((one) => one.sequence),
  );
  if (sequence === null || sequence <= seenSequence) return;
  seenSequence = sequence;
  void live.ask('inbox.seen', { sequence });
}

function rememberDismissed(next: readonly Dismissed[]): void {
  dismissed = next.slice(-MAX_DISMISSED);
  try {
    localStorage.setItem(DISMISSED_KEY, JSON.stringify(dismissed));
  } catch {
    // Storage refused: the server was told, too.
  }
}

export const inboxStore = {
  read: store.read,
  subscribe: store.subscribe,
  change,

  /** Listens until the returned function is called. */
  open(): () => void {
    const heardElsewhere = (event: StorageEvent) => {
      if (event.key !== DISMISSED_KEY) return;
      dismissed = storedDismissed();
      hear(store.read());
    };
    window.addEventListener('storage', heardElsewhere);
    const leave = live.visit({
      connected: () => void read(),
      disconnected: () => {},
      inboxChanged: ({ items }) => hear(items),
      inboxProgressed: ({ items }) => store.change((before) => withProgress(before, items)),
    });
    isOpen = true;
    return () => {
      isOpen = false;
      if (againTimer !== null) clearTimeout(againTimer);
      window.removeEventListener('storage', heardElsewhere);
      leave();
    };
  },

  /** The person is done with it: never shown again in this browser. */
  dismiss({ id, sequence }: InboxItem): void {
    rememberDismissed([...dismissed, { id, sequence }]);
    store.change((before) => before.filter((item) => item.id !== id));
    void peopleApi.dismiss(id);
    tellSeen();
  },

  /** Declines what was offered, leaves what was accepted. Null: it arrived. */
  async decline(item: OfferItem): Promise<Fault | null> {
    const answer = await peopleApi.decline(item.transferId);
    const isOver = !answer.ok && answer.fault.kind === 'problem' && ['ended', 'expired'].includes(answer.fault.type);
    if (!answer.ok && !isOver) return answer.fault;
    change(item.id, { state: item.state === 'accepted' ? 'left' : 'declined' });
    tellSeen();
    return null;
  },
};
