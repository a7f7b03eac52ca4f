import type { EndReason } from '../../../../services/contracts/http.ts';
import type { Formatter } from '../../lib/format.ts';
import type { Messages } from '../../messages/en.ts';
import { type Explanation, explainFault } from '../../messages/explain-fault.ts';
import type { Fault } from '../../transfer-engine/fault.ts';

export type GoneReason = EndReason | 'not_found';
export type GoneWords =
  | 'delivered'
  | 'expired'
  | 'used_up'
  | 'deleted'
  | 'broken'
  | 'digest_mismatch'
  | 'node_lost'
  | 'not_found';

/** Why nothing is there, when the fault says so; null when it may still be there and could not be asked for. */
export function goneReasonOf(fault: Fault): GoneReason | null {
  if (fault.kind !== 'problem') return null;
  switch (fault.type) {
    case 'expired':
    case 'used_up':
      return fault.type;
    case 'ended': {
      const reason = fault.data?.endReason ?? fault.data?.reason;
      return typeof reason === 'string' && reason in GONE_WORDS ? (reason as GoneReason) : 'deleted';
    }
    case 'not_found':
    case 'bad_request':
      return 'not_found';
    default:
      return null;
  }
}

export const GONE_WORDS: Record<GoneReason, GoneWords> = {
  expired: 'expired',
  used_up: 'used_up',
  deleted: 'deleted',
  aborted: 'broken',
  left: 'broken',
  declined: 'deleted',
  delivered: 'delivered',
  digest_mismatch: 'digest_mismatch',
  node_lost: 'node_lost',
  not_found: 'not_found',
};

/** A fault in the terms of whoever receives: to send it again is not theirs. */
export function explainToReader(fault: Fault, messages: Messages, format: Formatter): Explanation {
  const reason = goneReasonOf(fault);
  if (reason === null) return explainFault(fault, messages, format);
  const words = GONE_WORDS[reason];
  return { title: messages.receive.goneTitle[words], advice: messages.receive.goneText[words] };
}
