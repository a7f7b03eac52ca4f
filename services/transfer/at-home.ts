import { setTimeout as delay } from 'node:timers/promises';
import { PeerLinkError, typeOfFault } from '../contracts/errors.ts';
import type { RunningTransfer } from './running-transfer.ts';

/** A home that lives answers in a few milliseconds: later than this it is worth finding out who has the transfer now. */
const HOME_IS_LATE_MS = 250;

export interface AtHomeDeps {
  readonly nodeId: string;
  /** Finds out who has a transfer now, and has its replica promoted when its home is dead. Null: there are no others. */
  readonly recover: ((transfer: RunningTransfer) => Promise<void>) | null;
}

export interface HomeQuestion<T> {
  /** Asks the node over the bus. */
  readonly ask: (nodeId: string) => Promise<T>;
  /** What this node would answer as the home. */
  readonly here: () => Promise<T>;
  /** Whether the rows alone are better than no answer: not where a client would act on missing chunks. */
  readonly isGuessWelcome: boolean;
  /**
   * Whether a home that answers `unavailable` is to be recovered from: it says so of its status when it cannot commit. Of
   * anything else it only says that its database is away, and finding out more would make the client wait twice.
   */
  readonly isRefusalTelling?: boolean | undefined;
}

/**
 * Which chunks of an open transfer are there is known at its home only. When that does not answer, its replica is given
 * the chance to take over, and is asked then. @throws unavailable when nobody knows
 */
export async function answerAtHome<T>(
  deps: AtHomeDeps,
  transfer: RunningTransfer,
  question: HomeQuestion<T>,
): Promise<T> {
  const isMine = () => transfer.row.state !== 'open' || transfer.row.homeNodeId === deps.nodeId;
  for (let isLastTry = false; ; isLastTry = true) {
    if (isMine()) {
      try {
        return await question.here();
      } catch (fault) {
        // Its replica took over while this was looked up: after a reboot, or in a drain.
        if (typeOfFault(fault) !== 'moved' || isLastTry || isMine()) throw fault;
        continue;
      }
    }
    const { homeNodeId } = transfer.row;
    const said = await askOrFindMoved(deps, transfer, question);
    if (said.outcome === 'answered') return said.value;
    if (said.outcome === 'silent') await deps.recover?.(transfer);
    const hasMoved = isMine() || transfer.row.homeNodeId !== homeNodeId;
    if (hasMoved && !isLastTry) continue;
    if (question.isGuessWelcome) return question.here();
    throw new PeerLinkError('unavailable', 'The node that holds this transfer does not answer.', {
      retryAfterSeconds: 1,
    });
  }
}

type Said<T> =
  | { readonly outcome: 'answered'; readonly value: T }
  | { readonly outcome: 'silent' }
  | { readonly outcome: 'moved' };

/** The home's answer, or that it has none, or that meanwhile another node is home. @throws what the home refused with */
async function askOrFindMoved<T>(
  deps: AtHomeDeps,
  transfer: RunningTransfer,
  { ask, isRefusalTelling = false }: HomeQuestion<T>,
): Promise<Said<T>> {
  const { homeNodeId } = transfer.row;
  const answered = new AbortController();
  const asked = ask(homeNodeId).then(
    (value): Said<T> => ({ outcome: 'answered', value }),
    (fault: unknown): Said<T> => {
      const type = typeOfFault(fault);
      // `unavailable`: it lives and cannot go on; its replica, which it may be cut off from, finds that out.
      const isTelling = type === 'unavailable' && isRefusalTelling;
      if (type !== 'internal' && type !== 'moved' && !isTelling) throw fault;
      return { outcome: 'silent' };
    },
  );
  const moved = new Promise<Said<T>>((resolve) => {
    const look = async () => {
      await delay(HOME_IS_LATE_MS, undefined, { signal: answered.signal });
      await deps.recover?.(transfer);
      if (transfer.row.homeNodeId !== homeNodeId) resolve({ outcome: 'moved' });
    };
    // Cut short because the answer came, or told by whoever recovers: either way the answer itself decides.
    look().catch(() => undefined);
  });
  try {
    return await Promise.race([asked, moved]);
  } finally {
    answered.abort();
    asked.catch(() => undefined);
  }
}

/** Opens a transfer where it belongs; here when that node is gone. @throws what the opening was refused with */
export async function openWhere<T>(
  nodeId: string,
  place: () => Promise<string>,
  open: { readonly there: (nodeId: string) => Promise<T>; readonly here: () => Promise<T> },
): Promise<T> {
  const chosen = await place().catch(() => nodeId);
  if (chosen === nodeId) return open.here();
  try {
    return await open.there(chosen);
  } catch (fault) {
    if (typeOfFault(fault) !== 'internal') throw fault;
    // Opened twice at worst: an opening with a key finds the first one, and one without an owner runs out.
    return open.here();
  }
}
