import { ERROR_TYPES, type ErrorType } from '../../../services/contracts/errors.ts';

/** Why a request of the engine did not succeed, in the terms in which the machine decides and the page explains. */
export type Fault =
  /** No answer: refused, cut, no network, or another origin that does not let us read the answer. */
  | { readonly kind: 'network' }
  /** Connected, but nothing moved for the acknowledgement time-out. */
  | { readonly kind: 'timeout' }
  /** The browser cannot read the file any more: moved, changed or unplugged since it was picked. */
  | { readonly kind: 'unreadable'; readonly fileIndex: number }
  | {
      readonly kind: 'problem';
      readonly type: ErrorType;
      readonly retryAfterMs: number | null;
      readonly data?: Readonly<Record<string, unknown>>;
    };

/** What the machine does about it. */
export type Remedy =
  /** The connection comes back by itself or not at all: keep trying. */
  | 'reconnect'
  /** The server asked for patience: keep trying at its pace. */
  | 'wait'
  /** Try again a few times, then ask the person. */
  | 'retry'
  /** Only the person can mend it. */
  | 'ask'
  /** The transfer is no longer there to be written. */
  | 'end'
  /** These bytes can never be taken. */
  | 'fail';

const PATIENT_TYPES: ReadonlySet<ErrorType> = new Set([
  'busy',
  'draining',
  'rate_limited',
  'too_many_transfers',
  'not_accepted',
  'moved',
  'stale_epoch',
  'disk_full',
]);
const OVER_TYPES: ReadonlySet<ErrorType> = new Set([
  'not_found',
  'expired',
  'used_up',
  'ended',
  'bad_token',
  'forbidden',
  'bad_origin',
]);

/** A node that is about to go, or has lost what it needs, says so with these: another may do better. */
const NODE_LEAVES: ReadonlySet<ErrorType> = new Set(['draining', 'unavailable', 'moved', 'stale_epoch']);

export function remedyFor(fault: Fault): Remedy {
  switch (fault.kind) {
    case 'network':
      return 'reconnect';
    case 'timeout':
      return 'retry';
    case 'unreadable':
      return 'ask';
    case 'problem': {
      if (OVER_TYPES.has(fault.type)) return 'end';
      if (!ERROR_TYPES[fault.type].isRetryable) return 'fail';
      // A server that names a time has thought about it; one that does not may be broken.
      return fault.retryAfterMs !== null || PATIENT_TYPES.has(fault.type) ? 'wait' : 'retry';
    }
  }
}

/** Whether the same question may be answered better later, or by another node; a refusal for ever is the same everywhere. */
export function mayBeAskedAgain(fault: Fault): boolean {
  return ['reconnect', 'retry', 'wait'].includes(remedyFor(fault));
}

/** Whether another node might do what this one did not. A frozen one looks like a slow line until it is probed. */
export function isOfNode(fault: Fault): boolean {
  return fault.kind === 'network' || (fault.kind === 'problem' && NODE_LEAVES.has(fault.type));
}
