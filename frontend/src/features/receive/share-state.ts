import type { ShareResponse } from '../../../../services/contracts/http.ts';
import type { LiveStrip } from '../../lib/share-strip.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import { goneReasonOf } from './gone-reason.ts';
import type { ShareRight } from './share-right.ts';

export type ShareState =
  | { readonly name: 'loading' }
  | {
      readonly name: 'password';
      readonly senderName: string | null;
      readonly isWrong: boolean;
      readonly fault: Fault | null;
    }
  | { readonly name: 'ready'; readonly answer: ShareResponse; readonly strip: LiveStrip; readonly right: ShareRight }
  | { readonly name: 'failed'; readonly fault: Fault };

const PASSWORD_TYPES: readonly string[] = ['password_required', 'bad_password', 'bad_token'];

/** What is shown after a look at the share that brought no answer. */
export function stateAfterFault(before: ShareState, fault: Fault): ShareState {
  if (fault.kind === 'problem' && PASSWORD_TYPES.includes(fault.type)) {
    return { name: 'password', senderName: null, isWrong: false, fault: null };
  }
  // A short cut of the line, or a server that restarts behind its proxy, takes away nothing that is on the screen.
  if (before.name === 'ready' && goneReasonOf(fault) === null) return before;
  return { name: 'failed', fault };
}
