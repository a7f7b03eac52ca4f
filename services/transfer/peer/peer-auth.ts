import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isEqualBytes } from '../../kernel/ids.ts';

/**
 * "A MAC under CLUSTER_SECRET covers each request's head (method, path, length, epoch, nonce, time)." Requests between
 * nodes carry it in these headers; a request without a valid one is answered as if the address did not exist.
 */
export interface PeerHead {
  readonly nodeId: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** null: chunked, or no body. */
  readonly lengthBytes: number | null;
  readonly epoch: number;
  readonly timeMs: number;
  /** 16 bytes, hex. Also what the obfuscation key of the bodies comes from. */
  readonly nonce: string;
  /** Both bodies are XORed: who asks decides, so that nodes with different settings understand each other. */
  readonly isObfuscated: boolean;
  /** `X-Chunk-Value`, which goes with a body of one chunk; empty without. */
  readonly chunkValue: string;
}

export type Refusal = 'forged' | 'stale' | 'repeated';

/** By the database's time, which all nodes go by: a captured request is worthless afterwards. */
const MAX_AGE_MS = 60_000;
/** Nonces remembered of one node: more than it asks in MAX_AGE_MS at 1,000 a second. */
const MAX_NONCES = 65_536;
/** Nodes whose nonces are remembered; only members get this far. */
const MAX_SENDERS = 1_024;

/** What a node asked lately. */
interface Sender {
  /** Nonce to the sender's time, oldest arrival first. */
  readonly seen: Map<string, number>;
  /** Nothing at or before this time of the sender's own clock is taken: those nonces are forgotten. */
  floorMs: number;
}

export interface PeerAuthOptions {
  readonly secret: Uint8Array;
  /** This node. */
  readonly nodeId: string;
  /** Milliseconds since 1970, the same at all nodes. */
  readonly nowMs: () => number;
}

export class PeerAuth {
  readonly #key: Buffer;
  readonly #nodeId: string;
  readonly #nowMs: () => number;
  readonly #senders = new Map<string, Sender>();

  constructor({ secret, nodeId, nowMs }: PeerAuthOptions) {
    this.#key = createHmac('sha256', secret).update('peer request').digest();
    this.#nodeId = nodeId;
    this.#nowMs = nowMs;
  }

  /** Headers for a request of this node to another. */
  sign(
    toNodeId: string,
    head: Pick<PeerHead, 'method' | 'path' | 'lengthBytes' | 'epoch' | 'isObfuscated' | 'chunkValue'>,
  ): { readonly headers: Readonly<Record<string, string>>; readonly nonce: string } {
    const full: PeerHead = {
      ...head,
      nodeId: this.#nodeId,
      timeMs: this.#nowMs(),
      nonce: randomBytes(16).toString('hex'),
    };
    return {
      nonce: full.nonce,
      headers: {
        'x-peer-node': full.nodeId,
        'x-peer-epoch': String(full.epoch),
        'x-peer-time': String(full.timeMs),
        'x-peer-nonce': full.nonce,
        'x-peer-body': full.isObfuscated ? 'xor' : 'plain',
        'x-peer-mac': this.#mac(toNodeId, full).toString('hex'),
        ...(full.chunkValue === '' ? {} : { 'x-chunk-value': full.chunkValue }),
      },
    };
  }

  /** The head of an authentic, fresh request to this node that did not come before, or why not. */
  verify(method: string, path: string, headers: IncomingHttpHeaders): PeerHead | Refusal {
    const head = readHead(method, path, headers);
    const mac = textOf(headers, 'x-peer-mac');
    if (head === null || !/^[0-9a-f]{64}$/.test(mac)) return 'forged';
    if (!isEqualBytes(Buffer.from(mac, 'hex'), this.#mac(this.#nodeId, head))) return 'forged';
    if (Math.abs(this.#nowMs() - head.timeMs) > MAX_AGE_MS) return 'stale';
    return this.#remember(head) ?? head;
  }

  /** Key for a frame's MAC in one session. */
  frameKey(session: string): Buffer {
    return createHmac('sha256', this.#key).update(`frames\0${session}`).digest();
  }

  /** 256 bytes that XOR a body of this request. Obfuscation, not encryption. */
  obfuscationKey(nonce: string, direction: 'request' | 'response'): Buffer {
    const parts = Array.from({ length: 8 }, (_, index) =>
      createHmac('sha256', this.#key).update(`obfuscation\0${direction}\0${nonce}\0${index}`).digest(),
    );
    return Buffer.concat(parts);
  }

  /** To whom it goes is in it too: a request captured on its way to one node is none to another. */
  #mac(toNodeId: string, head: PeerHead): Buffer {
    const text = [
      head.nodeId,
      toNodeId,
      head.method,
      head.path,
      head.lengthBytes ?? 'chunked',
      head.epoch,
      head.timeMs,
      head.nonce,
      head.isObfuscated ? 'xor' : 'plain',
      head.chunkValue,
    ];
    return createHmac('sha256', this.#key).update(text.join('\0')).digest();
  }

  #remember({ nodeId, nonce, timeMs }: PeerHead): Refusal | null {
    const sender = this.#senderOf(nodeId);
    const nowMs = this.#nowMs();
    const [oldestMs, newestMs] = [nowMs - MAX_AGE_MS, nowMs + MAX_AGE_MS];
    // The clock was set back: what it stands for is refused for its own time, and nothing else may be.
    if (sender.floorMs > newestMs) sender.floorMs = 0;
    if (sender.seen.has(nonce)) return 'repeated';
    if (timeMs <= sender.floorMs) return 'stale';
    for (const [old, atMs] of sender.seen) {
      // One that is of another time than this minute is refused for that; the others must be known.
      if (atMs >= oldestMs && sender.seen.size < MAX_NONCES) break;
      if (atMs >= oldestMs && atMs <= newestMs) sender.floorMs = Math.max(sender.floorMs, atMs);
      sender.seen.delete(old);
    }
    sender.seen.set(nonce, timeMs);
    return null;
  }

  #senderOf(nodeId: string): Sender {
    const known = this.#senders.get(nodeId);
    const sender = known ?? { seen: new Map(), floorMs: 0 };
    // The one asked last is the last to be forgotten.
    this.#senders.delete(nodeId);
    this.#senders.set(nodeId, sender);
    const [oldest] = this.#senders.keys();
    if (this.#senders.size > MAX_SENDERS && oldest !== undefined) this.#senders.delete(oldest);
    return sender;
  }
}

const textOf = (headers: IncomingHttpHeaders, name: string): string => {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
};

/** Null: not the headers of a node. Numbers are taken in the one spelling that `sign` uses. */
function readHead(method: string, path: string, headers: IncomingHttpHeaders): PeerHead | null {
  const length = headers['content-length'];
  const epoch = textOf(headers, 'x-peer-epoch');
  const time = textOf(headers, 'x-peer-time');
  const nonce = textOf(headers, 'x-peer-nonce');
  const body = textOf(headers, 'x-peer-body');
  const nodeId = textOf(headers, 'x-peer-node');
  const isWellFormed =
    [epoch, time, ...(length === undefined ? [] : [length])].every(isNumber) &&
    /^[0-9a-f]{32}$/.test(nonce) &&
    (body === 'xor' || body === 'plain') &&
    /^[\x21-\x7e]{1,64}$/.test(nodeId);
  if (!isWellFormed) return null;
  return {
    nodeId,
    method,
    path,
    lengthBytes: length === undefined ? null : Number(length),
    epoch: Number(epoch),
    timeMs: Number(time),
    nonce,
    isObfuscated: body === 'xor',
    chunkValue: textOf(headers, 'x-chunk-value'),
  };
}

const isNumber = (text: string): boolean => /^(0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text));
