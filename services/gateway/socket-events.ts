import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import type { ChunkStatus, OpenTransferRequest, ShareResponse } from '../contracts/http.ts';
import { MAX_WATCHED_TRANSFERS_PER_SOCKET } from '../contracts/limits.ts';
import type { ControlClientEvents, TransferSnapshot, WatchRequest } from '../contracts/socket.ts';
import type { Call } from '../define-service.ts';
import { callerOf } from './edge-context.ts';
import { lookAt, type RateLimits } from './rate-limit.ts';
import type { RecipientNews } from './recipient-news.ts';
import { asId, parseAs } from './schemas.ts';
import type { SocketIdentity } from './socket-handshake.ts';
import type { Watches } from './watches.ts';

export interface ControlDeps {
  readonly call: Call;
  readonly rateLimits: RateLimits;
  readonly watches: Watches;
  readonly recipients: Pick<RecipientNews, 'follow'>;
  readonly nowMs: () => number;
}

/** What an event's handler is given: who asks, and the payload as it came. */
export interface ControlMessage {
  readonly socketId: string;
  readonly identity: SocketIdentity;
  readonly payload: unknown;
  /** The request that opened the connection. */
  readonly handshake: IncomingMessage;
  readonly isConnected: () => boolean;
}
export type ControlHandler = (message: ControlMessage) => Promise<unknown>;

/** Events about transfers, and `ping`. */
type TransferEventName = Exclude<keyof ControlClientEvents, `people.${string}` | `inbox.${string}`>;

/** What each of them does. */
export function controlHandlers(deps: ControlDeps): Readonly<Record<TransferEventName, ControlHandler>> {
  return {
    'transfer.open': async ({ identity, payload }) => {
      const { idempotencyKey, ...request } = parseAs('openTransferEvent', payload);
      const { context } = identity;
      await deps.rateLimits.consume('uploads', context.addressKey);
      const params = { caller: await callerOf(context, null), request: request satisfies OpenTransferRequest };
      return deps.call('transfer.open', idempotencyKey === undefined ? params : { ...params, idempotencyKey }, {
        requestId: context.requestId,
      });
    },
    'transfer.status': async ({ identity, payload }) => {
      const { transferId, uploadToken } = parseAs('statusEvent', payload);
      const { context } = identity;
      const params = { caller: await callerOf(context, uploadToken), transferId: asId(transferId) };
      return lookAt(deps.rateLimits, context.addressKey, () =>
        deps.call('transfer.status', params, { requestId: context.requestId }),
      );
    },
    'transfer.watch': (message) => watch(deps, message),
    'transfer.unwatch': async ({ socketId, payload }) => {
      deps.watches.remove(socketId, parseAs('unwatch', payload).watchId);
      return null;
    },
    ping: async ({ payload }) => {
      parseAs('ping', payload);
      return { serverTimeMs: deps.nowMs() };
    },
  };
}

/** Subscribes first and looks second, so that nothing committed in between is missed. */
async function watch(deps: ControlDeps, message: ControlMessage): Promise<TransferSnapshot> {
  const { socketId, identity, payload, isConnected } = message;
  const request = parseAs('watch', payload);
  const found = await lookAt(deps.rateLimits, identity.context.addressKey, () => look(deps, identity, request));
  // What a socket followed was let go when it closed: nothing may be added afterwards.
  if (!isConnected()) throw new PeerLinkError('unavailable', 'The connection closed before the look.');
  const added = deps.watches.add(socketId, found.transferId, 'transferId' in request);
  if (added.outcome === 'too_many') {
    throw new PeerLinkError(
      'rate_limited',
      `One connection may follow ${MAX_WATCHED_TRANSFERS_PER_SOCKET} transfers; unwatch one first.`,
      {
        data: { limit: MAX_WATCHED_TRANSFERS_PER_SOCKET },
      },
    );
  }
  const { watchId } = added.watch;
  try {
    const { transferId: _id, ...snapshot } = await look(deps, identity, request);
    // After the snapshot, which names the watch.
    if (added.watch.isSenders) setImmediate(() => deps.recipients.follow(added.watch));
    return { watchId, ...snapshot };
  } catch (fault) {
    deps.watches.remove(socketId, watchId);
    throw fault;
  }
}

type Found = Omit<TransferSnapshot, 'watchId'> & { readonly transferId: string };

async function look(deps: ControlDeps, { context }: SocketIdentity, request: WatchRequest): Promise<Found> {
  const options = { requestId: context.requestId };
  if ('transferId' in request) {
    const transferId = asId(request.transferId);
    const status = await deps.call(
      'transfer.status',
      { caller: await callerOf(context, request.uploadToken), transferId },
      options,
    );
    const { state, generation, files, recipients } = status;
    return { transferId, state, generation, files, recipients };
  }
  const params = { caller: await callerOf(context, null), shareId: asId(request.shareId) };
  const found = await deps.call(
    'transfer.share',
    request.grant === undefined ? params : { ...params, grant: request.grant },
    options,
  );
  if (found.passwordRequired) throw new PeerLinkError('password_required', 'This share has a password.');
  const files = chunkStatusOf(found);
  return { transferId: found.share.id, state: found.share.state, generation: 0, files, recipients: null };
}

function chunkStatusOf(found: ShareResponse): readonly ChunkStatus[] {
  return found.files.map(({ index, sizeBytes, chunkSizeBytes, chunkCount, digest }) => {
    const whole = digest !== null && chunkCount !== null && chunkCount > 0 ? [[0, chunkCount] as const] : [];
    return { index, sizeBytes, chunkSizeBytes, chunkCount, digest, committed: found.committed[index] ?? whole };
  });
}
