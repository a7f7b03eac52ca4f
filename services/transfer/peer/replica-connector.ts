import type { NetIo } from '../../../native/types.ts';
import { errorTypeOf, PeerLinkError } from '../../contracts/errors.ts';
import type { CountPeerBytes } from '../../kernel/traffic.ts';
import { BufferPool } from '../data-plane/buffer-pool.ts';
import type { ReplicaConnector } from '../replication/ports.ts';
import { ByteQueue } from './byte-queue.ts';
import type { PeerAuth } from './peer-auth.ts';
import type { PeerBody } from './peer-body.ts';
import type { PeerClient } from './peer-client.ts';
import { noAnswer, readJson } from './peer-faults.ts';
import { type Opening, OpeningReader } from './replica-wire.ts';
import { WireChannel } from './wire-channel.ts';

export interface ReplicaConnectorDeps {
  readonly client: PeerClient;
  readonly auth: PeerAuth;
  readonly netIo: NetIo;
  readonly isObfuscated: boolean;
  readonly countBytes: CountPeerBytes;
}

/** Opens replication sessions as one request each, whose body and answer run at the same time. */
export function createReplicaConnector(deps: ReplicaConnectorDeps): ReplicaConnector {
  const pool = new BufferPool();
  return {
    async open({ nodeId, transferId, epoch, signal, onHeard = () => {} }) {
      const request = { nodeId, method: 'POST', path: `/peer/transfers/${transferId}/chunks`, epoch } as const;
      const { connection, body, nonce } = await deps.client.start({ ...request, lengthBytes: null });
      const onAbort = () => connection.destroy(new Error('given up'));
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      try {
        const head = await body.head;
        onHeard();
        if (head.status !== 200) throw await refusalOf(body);
        const queue = new ByteQueue();
        const opening = await readOpening(body, queue, onHeard);
        const hide = deps.isObfuscated ? copyHider(deps.netIo, pool, deps.auth.obfuscationKey(nonce, 'request')) : null;
        const countBytes = (bytes: number) => deps.countBytes(nodeId, 'to', bytes);
        const frameKey = deps.auth.frameKey(opening.session);
        return new WireChannel({ connection, body, queue, values: opening.values, frameKey, hide, countBytes });
      } catch (fault) {
        connection.destroy(new Error('no session'));
        throw fault instanceof PeerLinkError ? fault : noAnswer(fault);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

/** What the home can act on, as the connector's port says it; all else is that the replica cannot be had. */
async function refusalOf(body: PeerBody): Promise<PeerLinkError> {
  const said = errorTypeOf((await readJson(body)) as { type?: unknown });
  const type = said === 'stale_epoch' || said === 'disk_full' || said === 'not_found' ? said : 'unavailable';
  return new PeerLinkError(type, 'The replica refused a session.');
}

async function readOpening(body: PeerBody, queue: ByteQueue, onHeard: () => void): Promise<Opening> {
  const reader = new OpeningReader(queue);
  for (let piece = await body.next(); piece !== null; piece = await body.next()) {
    onHeard();
    for (const bytes of piece.bytes) queue.push(bytes);
    piece.release();
    const opening = reader.read();
    if (opening !== null) return opening;
  }
  throw new PeerLinkError('unavailable', 'The replica ended before it began.');
}

/** Chunks are shared with disk, hash and readers, so they are XORed into pooled copies, never in place. */
function copyHider(netIo: NetIo, pool: BufferPool, key: Uint8Array) {
  let position = 0;
  return (list: readonly Uint8Array[], lengthBytes: number) => {
    // Sizes of chunks are powers of two. A file's last one takes the next: its own size would never be used again.
    const buffer = pool.take(2 ** Math.ceil(Math.log2(lengthBytes)));
    const copy = buffer.subarray(0, lengthBytes);
    let filledBytes = 0;
    for (const bytes of list) {
      netIo.xorCopy(bytes, copy.subarray(filledBytes, filledBytes + bytes.length), key, position + filledBytes);
      filledBytes += bytes.length;
    }
    position += lengthBytes;
    return { bytes: copy, release: () => pool.give(buffer) };
  };
}
