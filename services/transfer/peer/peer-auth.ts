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
  /** null: chunked. */
  readonly lengthBytes: number | null;
  readonly epoch: number;
  readonly timeMs: number;
  /** 16 bytes, hex. Also what the obfuscation key of the bodies comes from. */
  readonly nonce: string;
}

/** Clocks of nodes may differ this much; a captured request is worthless afterwards. */
const MAX_AGE_MS = 60_000;
/** Nonces remembered to refuse a repeated request. At 1,000 requests a second this is more than MAX_AGE_MS. */
const MAX_NONCES = 100_000;

export class PeerAuth {
  readonly #key: Buffer;
  readonly #nowMs: () => number;
  readonly #seen = new Map<string, number>();

  constructor(secret: Uint8Array, nowMs: () => number) {
    this.#key = createHmac('sha256', secret).update('peer request').digest();
    this.#nowMs = nowMs;
  }

  /** Headers for a request of this node. */
  sign(head: Omit<PeerHead, 'timeMs' | 'nonce'>): { readonly headers: Record<string, string>; readonly nonce: string } {
    const full: PeerHead = { ...head, timeMs: this.#nowMs(), nonce: randomBytes(16).toString('hex') };
    return {
      nonce: full.nonce,
      headers: {
        'x-peer-node': full.nodeId,
        'x-peer-epoch': String(full.epoch),
        'x-peer-time': String(full.timeMs),
        'x-peer-nonce': full.nonce,
        'x-peer-mac': this.#mac(full).toString('hex'),
      },
    };
  }

  /** The head of an authentic, fresh request that did not come before, or why not. */
  verify(method: string, path: string, headers: IncomingHttpHeaders): PeerHead | 'forged' | 'stale' | 'repeated' {
    const text = (name: string) => (typeof headers[name] === 'string' ? headers[name] : '');
    const mac = text('x-peer-mac');
    const head: PeerHead = {
      nodeId: text('x-peer-node'),
      method,
      path,
      lengthBytes: headers['content-length'] === undefined ? null : Number(headers['content-length']),
      epoch: Number(text('x-peer-epoch')),
      timeMs: Number(text('x-peer-time')),
      nonce: text('x-peer-nonce'),
    };
    if (!/^[0-9a-f]{64}$/.test(mac) || !isEqualBytes(Buffer.from(mac, 'hex'), this.#mac(head))) return 'forged';
    if (Math.abs(this.#nowMs() - head.timeMs) > MAX_AGE_MS) return 'stale';
    if (this.#seen.has(head.nonce)) return 'repeated';
    this.#remember(head.nonce);
    return head;
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

  #mac(head: PeerHead): Buffer {
    const text = [
      head.nodeId,
      head.method,
      head.path,
      head.lengthBytes ?? 'chunked',
      head.epoch,
      head.timeMs,
      head.nonce,
    ];
    return createHmac('sha256', this.#key).update(text.join('\0')).digest();
  }

  #remember(nonce: string): void {
    const now = this.#nowMs();
    for (const [old, atMs] of this.#seen) {
      if (this.#seen.size < MAX_NONCES && now - atMs <= 2 * MAX_AGE_MS) break;
      this.#seen.delete(old);
    }
    this.#seen.set(nonce, now);
  }
}
