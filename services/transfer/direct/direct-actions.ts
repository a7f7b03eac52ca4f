import type { ActionName, Actions } from '../../contracts/actions.ts';
import type { DirectSends } from './direct-sends.ts';

type Asked<N extends ActionName> = { readonly params: Actions[N]['params'] };

/** The actions of direct sends that any node answers. */
export function directActions(direct: DirectSends) {
  return {
    accept: ({ params }: Asked<'transfer.accept'>) => direct.accept(params.sessionId, params.transferId),
    decline: async ({ params }: Asked<'transfer.decline'>) => {
      await direct.decline(params.sessionId, params.transferId);
      return null;
    },
    recipients: ({ params }: Asked<'transfer.recipients'>) => direct.recipientsOf(params.transferIds),
    sendText: ({ params }: Asked<'transfer.sendText'>) =>
      direct.sendText(params.sessionId, params.request, params.idempotencyKey),
    inboxes: ({ params }: Asked<'transfer.inboxes'>) => direct.inboxes(params.asked),
    seen: async ({ params }: Asked<'transfer.seen'>) => {
      await direct.seen(params.sessionId, params.sequence);
      return null;
    },
    dismiss: async ({ params }: Asked<'transfer.dismiss'>) => {
      await direct.dismiss(params.sessionId, params.itemId);
      return null;
    },
  };
}
