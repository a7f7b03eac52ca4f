import type { ClientRequest } from 'node:http';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { ChunkMap } from '../chunk-map.ts';
import type { FrameAnswer, ReplicaChannel, ReplicaConnector, ReplicaFrame } from '../replication/ports.ts';
import type { PeerAuth } from './peer-auth.ts';
import type { PeerClient } from './peer-client.ts';
import {
  ANSWER_BYTES,
  ByteQueue,
  decodeAnswer,
  encodeFrameHeader,
  type Opening,
  OpeningReader,
} from './replica-wire.ts';

export interface ReplicaConnectorDeps {
  readonly client: PeerClient;
  readonly auth: PeerAuth;
  readonly netIo: NetIo;
  readonly isObfuscated: boolean;
  readonly countBytes: (bytes: number) => void;
}

/** Opens replication sessions as one request each, whose body and answer run at the same time. */
export function createReplicaConnector(deps: ReplicaConnectorDeps): ReplicaConnector {
  return {
    async open({ nodeId, transferId, epoch, signal }) {
      const { req, response, nonce } = await deps.client.openDuplex({
        nodeId,
        method: 'POST',
        path: `/peer/transfers/${transferId}/chunks`,
        epoch,
        lengthBytes: null,
      });
      const abort = () => req.destroy(new Error('given up'));
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      try {
        const res = await response;
        if (res.statusCode !== 200) {
          req.destroy();
          throw new PeerLinkError(
            res.statusCode === 409 ? 'stale_epoch' : 'unavailable',
            'The replica refused a session.',
          );
        }
        const queue = new ByteQueue();
        const opening = await readOpening(res, queue);
        const hide = deps.isObfuscated ? copyObfuscator(deps.netIo, deps.auth.obfuscationKey(nonce, 'request')) : null;
        const channel = new WireChannel(req, opening, deps.auth.frameKey(opening.session), hide, deps.countBytes);
        channel.listen(res, queue);
        return channel;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
  };
}

function readOpening(res: import('node:http').IncomingMessage, queue: ByteQueue): Promise<Opening> {
  return new Promise((resolve, reject) => {
    const reader = new OpeningReader(queue);
    const stop = () => {
      res.off('data', onData);
      res.off('close', onClose);
      res.pause();
    };
    const onClose = () => {
      stop();
      reject(new PeerLinkError('unavailable', 'The replica ended before it began.'));
    };
    const onData = (bytes: Buffer) => {
      queue.push(bytes);
      try {
        const opening = reader.read();
        if (opening === null) return;
        stop();
        resolve(opening);
      } catch (cause) {
        stop();
        reject(new PeerLinkError('unavailable', 'The replica answered what is no opening.', { cause }));
      }
    };
    res.on('data', onData);
    res.once('close', onClose);
  });
}

/** Chunks are shared with disk, hash and readers, so they are XORed into a copy, never in place. */
function copyObfuscator(netIo: NetIo, key: Uint8Array): (bytes: Uint8Array) => Uint8Array {
  let position = 0;
  return (bytes) => {
    const copy = Buffer.allocUnsafe(bytes.length);
    netIo.xorCopy(bytes, copy, key, position);
    position += bytes.length;
    return copy;
  };
}

interface Waiting {
  resolve(answer: FrameAnswer): void;
  reject(fault: Error): void;
}

class WireChannel implements ReplicaChannel {
  readonly values: ReadonlyMap<number, ChunkMap>;
  readonly #req: ClientRequest;
  readonly #key: Buffer;
  readonly #hide: ((bytes: Uint8Array) => Uint8Array) | null;
  readonly #countBytes: (bytes: number) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastNumber = 0;
  #isClosed = false;

  constructor(
    req: ClientRequest,
    opening: Opening,
    key: Buffer,
    hide: ((bytes: Uint8Array) => Uint8Array) | null,
    countBytes: (bytes: number) => void,
  ) {
    this.values = opening.values;
    this.#req = req;
    this.#key = key;
    this.#hide = hide;
    this.#countBytes = countBytes;
  }

  listen(res: import('node:http').IncomingMessage, queue: ByteQueue): void {
    const read = () => {
      for (let bytes = queue.take(ANSWER_BYTES); bytes !== null; bytes = queue.take(ANSWER_BYTES)) {
        const decoded = decodeAnswer(bytes);
        if (decoded === null) {
          this.close();
          return;
        }
        const waiting = this.#waiting.get(decoded.number);
        this.#waiting.delete(decoded.number);
        waiting?.resolve(decoded.answer);
      }
    };
    res.on('data', (bytes: Buffer) => {
      queue.push(bytes);
      read();
    });
    res.once('close', () => this.close());
    this.#req.on('error', () => this.close());
    read();
    res.resume();
  }

  send(frame: ReplicaFrame): Promise<FrameAnswer> {
    if (this.#isClosed) return Promise.reject(broken());
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const lengthBytes = frame.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
    const answer = new Promise<FrameAnswer>((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
    const { fileIndex, chunkIndex, epoch, value } = frame;
    this.#req.cork();
    this.#req.write(encodeFrameHeader({ fileIndex, chunkIndex, lengthBytes, number, epoch, value }, this.#key));
    for (const bytes of frame.bytes) this.#req.write(this.#hide === null ? bytes : this.#hide(bytes));
    this.#req.uncork();
    this.#countBytes(lengthBytes);
    return answer;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const waiting of this.#waiting.values()) waiting.reject(broken());
    this.#waiting.clear();
    this.#req.destroy();
  }
}

function broken(): PeerLinkError {
  return new PeerLinkError('unavailable', 'The session to the replica broke.');
}
