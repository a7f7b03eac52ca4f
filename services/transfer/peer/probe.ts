import { setTimeout as delay } from 'node:timers/promises';
import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';

/** Between two questions of one probe. */
const AGAIN_MS = 100;
/** Faults of this very machine: they say nothing of the other. */
const OWN_FAULTS = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/** `refused`: nobody is there, or somebody else is. `silent`: no answer in time. */
export type Probe = 'alive' | 'refused' | 'silent';

/**
 * One question. `rested`: it went over a connection that was kept, which broke: such a one may have been closed meanwhile.
 * @returns the status of the answer. @throws why there is none
 */
export type Ping = (signal: AbortSignal, options: { readonly isFresh: boolean }) => Promise<number | 'rested'>;

/**
 * "Its own probe of the home's data port is refused, or stays unanswered for 3 s." Refused is what the other machine says: no
 * listener, or an answer that is none of a node's; or its name, asked for twice, is nobody's. Whatever else fails is
 * tried again until the deadline: a connection that was closed, a network that is cut, an address that is not known yet.
 * @throws unavailable when this node could not ask all the while: then nothing is known of the other
 */
export async function probe(ping: Ping, deadlineMs: number): Promise<Probe> {
  const late = new AbortController();
  const { signal } = late;
  // An answer that lies in the socket, unread because this process was busy for longer than that, came in time: it is
  // read before the immediate.
  const giveUp = () => late.abort(new Error('no answer in time'));
  const timer = setTimeout(() => setImmediate(giveUp), deadlineMs);
  let wasNobody = false;
  let ownFault: unknown;
  try {
    for (let isFresh = false; !signal.aborted; isFresh = true) {
      try {
        const status = await ping(signal, { isFresh });
        if (status === 'rested') continue;
        return status < 300 ? 'alive' : 'refused';
      } catch (fault) {
        if (signal.aborted) break;
        const code = codeOf(fault);
        if (code === 'ECONNREFUSED' || (code === 'ENOTFOUND' && wasNobody)) return 'refused';
        wasNobody = code === 'ENOTFOUND';
        if (typeOfFault(fault) === 'busy' || OWN_FAULTS.has(code)) ownFault ??= fault;
      }
      await delay(AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    clearTimeout(timer);
  }
  if (ownFault === undefined) return 'silent';
  throw new PeerLinkError('unavailable', 'This node cannot ask another one right now. Try again.', {
    cause: ownFault,
    retryAfterSeconds: 1,
  });
}

/** The system's code, which the fault itself or the cause of one of ours has. */
function codeOf(fault: unknown): string {
  const { code } = ((fault instanceof PeerLinkError ? fault.cause : fault) ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}
