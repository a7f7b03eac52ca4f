/** What people ask the backend about each other: rooms, offers and texts. As `api`, every answer is a value or a fault. */
import type {
  OfferAccepted,
  ReceiptsRequest,
  RoomResponse,
  SendTextRequest,
  SendTextResponse,
} from '../../../services/contracts/people.ts';
import { request, requestOnce } from './api.ts';

function offerPath(transferId: string): string {
  return `/api/offers/${encodeURIComponent(transferId)}`;
}

export const peopleApi = {
  makeRoom: () => request<RoomResponse>('POST', '/api/rooms', { body: {} }),
  /** Repeatable: a page that was loaded anew gets its right to read by it again. */
  accept: (transferId: string) => request<OfferAccepted>('POST', `${offerPath(transferId)}/accept`, { body: {} }),
  /** Declines what was offered, leaves what was accepted. */
  decline: (transferId: string) => request<null>('POST', `${offerPath(transferId)}/decline`, { body: {} }),
  /** Not shown any more; an offer that nobody has answered is declined by it. */
  dismiss: (itemId: string) => request<null>('DELETE', `/api/inbox/${encodeURIComponent(itemId)}`),
  /** Said again a second later anyway, so it is not repeated. */
  receipts: (transferId: string, body: ReceiptsRequest) =>
    requestOnce<null>('POST', `${offerPath(transferId)}/receipts`, { body, timeoutMs: 5_000 }),
  text: (body: SendTextRequest, idempotencyKey: string) =>
    request<SendTextResponse>('POST', '/api/texts', { body, headers: { 'idempotency-key': idempotencyKey } }),
};
