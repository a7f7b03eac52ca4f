import { Agent } from 'node:http';
import { createBLAKE3 } from 'hash-wasm';
import type { History } from '../history/operations.ts';
import { BrokenOff, exchange, outcomeOf, readJson, refusalOf } from './http.ts';
import type { Door, NodeRing } from './node-ring.ts';
import { type Pace, UNPACED } from './pace.ts';
import { digestOf, type PatternFile } from './pattern.ts';

export interface DownloaderOptions {
  readonly name: string;
  readonly file: PatternFile;
  readonly shareId: string;
  readonly ring: NodeRing;
  readonly history: History;
  readonly pace?: Pace;
  readonly signal?: AbortSignal;
}

/** Receives one file as docs/PROTOCOL.md says: after any failure it goes on by Range, at another node. */
export class Downloader {
  readonly #options: Required<DownloaderOptions>;
  readonly #agent = new Agent({ keepAlive: true });
  /** When bytes came. */
  readonly progressAtMs: number[] = [];
  receivedBytes = 0;

  constructor(options: DownloaderOptions) {
    this.#options = { pace: UNPACED, signal: new AbortController().signal, ...options };
  }

  /** Resolves to the digest of what came. */
  async receive(): Promise<string> {
    const { name, file, ring, history, signal } = this.#options;
    const beginMs = performance.now();
    const hasher = await createBLAKE3();
    let tag: string | null = null;
    try {
      while (this.receivedBytes < file.sizeBytes) {
        signal.throwIfAborted();
        const { door } = ring;
        try {
          tag = await this.#stretch(door, tag, (bytes) => hasher.update(bytes));
        } catch (fault) {
          await ring.failed(door, fault, signal);
        }
      }
      const digest = hasher.digest('hex');
      const times = { client: name, node: ring.door.name, beginMs, endMs: performance.now(), outcome: 'ok' };
      const wanted = await digestOf(file);
      history.add({ ...times, kind: 'received', digest, wanted, bytes: this.receivedBytes });
      return digest;
    } finally {
      this.#agent.destroy();
    }
  }

  /** Reads until the end of the file or of the connection. Resolves to the ETag. */
  async #stretch(door: Door, tag: string | null, take: (bytes: Buffer) => void): Promise<string | null> {
    const { name, shareId, ring, history, pace, signal } = this.#options;
    const from = this.receivedBytes;
    const beginMs = performance.now();
    let failure: unknown = null;
    const range = from === 0 ? {} : { range: `bytes=${from}-`, ...(tag === null ? {} : { 'if-range': tag }) };
    const talk = exchange(`${door.url}/d/${shareId}`, { agent: this.#agent, headers: range });
    const stop = () => talk.req.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    let etag = tag;
    try {
      talk.req.end();
      const res = await talk.response;
      talk.moved();
      if ((res.statusCode ?? 500) >= 400) throw refusalOf(res, await readJson(res));
      if (from > 0 && res.statusCode !== 206) throw new ChangedBytes(`${res.statusCode} instead of 206 from ${from}`);
      etag = res.headers.etag ?? tag;
      for await (const bytes of res as AsyncIterable<Buffer>) {
        take(bytes);
        this.receivedBytes += bytes.length;
        talk.moved();
        ring.succeeded();
        this.progressAtMs.push(performance.now());
        await talk.holding(pace.until(this.receivedBytes, signal));
      }
      if (!res.complete) throw new BrokenOff('the answer broke off');
    } catch (fault) {
      failure = fault;
      talk.req.destroy();
    } finally {
      talk.end();
      signal.removeEventListener('abort', stop);
    }
    const outcome = failure instanceof ChangedBytes ? 'changed' : outcomeOf(failure);
    const times = { client: name, node: door.name, beginMs, endMs: performance.now(), outcome };
    history.add({ ...times, kind: 'get', shareId, from, receivedBytes: this.receivedBytes - from });
    if (failure !== null) throw failure;
    return etag;
  }
}

/** The ETag no longer holds: committed chunks were lost, which no fault of these tests may bring about. */
class ChangedBytes extends Error {}
