import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenTransferResponse, PutRunResponse, TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { ChunkRanges, History } from '../history/operations.ts';
import { askJson, exchange, outcomeOf, Refusal, readJson, refusalOf } from './http.ts';
import type { Door, NodeRing } from './node-ring.ts';
import { type Pace, UNPACED } from './pace.ts';
import { digestOf, type PatternFile, piecesOf } from './pattern.ts';

const SEAL_LOOK_MS = 50;
const GIVE_UP_MS = 60_000;

export interface UploaderOptions {
  readonly name: string;
  readonly file: PatternFile;
  readonly ring: NodeRing;
  readonly history: History;
  /** A Cookie header: with it, opening is repeatable by its Idempotency-Key. */
  readonly cookie: string;
  readonly parallel?: number;
  readonly runBytes?: number;
  readonly pace?: Pace;
  readonly signal?: AbortSignal;
}

export interface Opened {
  readonly transferId: string;
  readonly shareId: string;
  readonly uploadToken: string;
}

interface Run {
  readonly first: number;
  readonly end: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * Sends one file as docs/PROTOCOL.md says: opens, asks for the status, sends the missing runs in parallel, and after any
 * failure asks again, at another node.
 */
export class Uploader {
  #options: Required<UploaderOptions>;
  readonly #agent = new Agent({ keepAlive: true });
  #opened: Opened | null = null;
  /** When an answer told of newly committed chunks. */
  readonly progressAtMs: number[] = [];
  /** Bytes that left this client, committed or not. */
  sentBytes = 0;
  acknowledgedChunks = 0;

  constructor(options: UploaderOptions) {
    this.#options = {
      parallel: 4,
      runBytes: 8 * 1024 * 1024,
      pace: UNPACED,
      signal: new AbortController().signal,
      ...options,
    };
  }

  get isOpened(): boolean {
    return this.#opened !== null;
  }

  get opened(): Opened {
    if (this.#opened === null) throw new Error(`${this.#options.name} has not opened its transfer`);
    return this.#opened;
  }

  get file(): PatternFile {
    return this.#options.file;
  }

  /** From here on it asks these nodes, in their order. */
  useRing(ring: NodeRing): void {
    this.#options = { ...this.#options, ring };
  }

  /** What it begins from here on goes to this node first. */
  turnTo(door: Door): void {
    this.#options.ring.turnTo(door);
  }

  async open(): Promise<Opened> {
    const { name, file, cookie } = this.#options;
    const body = { files: [{ path: `${name}.bin`, sizeBytes: file.sizeBytes }] };
    this.#opened = await this.#patiently('open', async (door) => {
      const headers = { cookie, origin: door.url, 'idempotency-key': encodeURIComponent(`${name} ${file.seed}`) };
      const answer = await askJson<OpenTransferResponse>(`${door.url}/api/transfers`, {
        agent: this.#agent,
        method: 'POST',
        headers,
        body,
      });
      const { transfer, uploadToken } = answer.body;
      return { transferId: transfer.id, shareId: transfer.shareId, uploadToken };
    });
    return this.#opened;
  }

  /** Opens if that was not done, and sends to the seal. Resolves to the digest the server names. */
  async send(): Promise<string> {
    const { name, file, ring, history } = this.#options;
    const beginMs = performance.now();
    try {
      if (this.#opened === null) await this.open();
      for (;;) {
        const status = await this.#status();
        const [remote] = status.files;
        if (remote === undefined) throw new Error('the transfer has no file');
        if (status.state === 'sealed' && remote.digest !== null) {
          const times = { client: name, node: ring.door.name, beginMs, endMs: performance.now(), outcome: 'ok' };
          const wanted = await digestOf(file);
          history.add({ ...times, kind: 'sent', digest: remote.digest, wanted, bytes: file.sizeBytes });
          return remote.digest;
        }
        const runs = missingRuns(remote, this.#options.runBytes);
        if (runs.length === 0) await delay(SEAL_LOOK_MS, undefined, { signal: this.#options.signal });
        else await this.#sendRuns(runs);
      }
    } finally {
      this.#agent.destroy();
    }
  }

  /** Ends the transfer for everyone. */
  async remove(): Promise<void> {
    const { transferId, uploadToken } = this.opened;
    await this.#patiently('remove', (door) =>
      askJson(`${door.url}/api/transfers/${transferId}`, {
        agent: new Agent(),
        method: 'DELETE',
        headers: { authorization: `Bearer ${uploadToken}` },
      }),
    );
  }

  async #sendRuns(runs: Run[]): Promise<void> {
    const { parallel, ring, signal } = this.#options;
    let failure: { door: Door; fault: unknown } | null = null;
    const worker = async () => {
      for (let run = runs.shift(); run !== undefined && failure === null; run = runs.shift()) {
        const { door } = ring;
        try {
          await this.#put(door, run);
          ring.succeeded();
        } catch (fault) {
          failure ??= { door, fault };
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallel, runs.length) }, worker));
    const { door, fault } = (failure as { door: Door; fault: unknown } | null) ?? {};
    if (door !== undefined) await ring.failed(door, fault, signal);
  }

  async #put(door: Door, run: Run): Promise<void> {
    const { name, file, history, pace, signal } = this.#options;
    const { transferId, uploadToken } = this.opened;
    const beginMs = performance.now();
    let sentBytes = 0;
    let committed: ChunkRanges = [];
    let failure: unknown = null;
    const address = `${door.url}/api/transfers/${transferId}/files/0?offset=${run.offset}`;
    const talk = exchange(address, {
      agent: this.#agent,
      method: 'PUT',
      headers: {
        authorization: `Bearer ${uploadToken}`,
        'content-type': 'application/octet-stream',
        'content-length': String(run.lengthBytes),
      },
    });
    const stop = () => talk.req.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      let isAnswered = false;
      const answered = talk.response.then(
        () => (isAnswered = true),
        () => (isAnswered = true),
      );
      for (const piece of piecesOf(file, run.offset, run.offset + run.lengthBytes)) {
        await talk.holding(pace.until(run.offset + sentBytes, signal));
        if (isAnswered) break;
        await Promise.race([written(talk, piece), answered]);
        sentBytes += piece.length;
      }
      talk.req.end();
      const res = await talk.response;
      talk.moved();
      const body = await readJson(res);
      if (res.statusCode !== 200) throw refusalOf(res, body);
      ({ committed } = body as unknown as PutRunResponse);
    } catch (fault) {
      failure = fault;
      committed = committedOf(fault);
      // Its socket may have a part of a body in it.
      talk.req.destroy();
    } finally {
      talk.end();
      signal.removeEventListener('abort', stop);
    }
    this.sentBytes += sentBytes;
    const endMs = performance.now();
    const { first, end } = run;
    const times = { client: name, node: door.name, beginMs, endMs, outcome: outcomeOf(failure) };
    history.add({ ...times, kind: 'put', transferId, first, end, sentBytes, committed });
    this.#learn(countOf(committed), endMs);
    if (failure !== null) throw failure;
  }

  #learn(chunks: number, atMs: number): void {
    if (chunks === 0) return;
    this.acknowledgedChunks += chunks;
    this.progressAtMs.push(atMs);
  }

  async #status(): Promise<TransferStatusResponse> {
    const { name, history, ring, signal } = this.#options;
    const { transferId, uploadToken } = this.opened;
    const ask = async (door: Door) => {
      const beginMs = performance.now();
      const common = { kind: 'status', client: name, node: door.name, transferId, beginMs } as const;
      try {
        const { body } = await askJson<TransferStatusResponse>(`${door.url}/api/transfers/${transferId}/status`, {
          agent: this.#agent,
          headers: { authorization: `Bearer ${uploadToken}` },
        });
        const committed = body.files[0]?.committed ?? [];
        const endMs = performance.now();
        history.add({ ...common, endMs, outcome: 'ok', generation: body.generation, committed });
        const newChunks = countOf(committed) - this.acknowledgedChunks;
        if (newChunks > 0) this.#learn(newChunks, endMs);
        return body;
      } catch (fault) {
        const outcome = outcomeOf(fault);
        history.add({ ...common, endMs: performance.now(), outcome, generation: 0, committed: [] });
        throw fault;
      }
    };
    return ring.firstAnswer(ask, GIVE_UP_MS, signal);
  }

  async #patiently<T>(what: string, attempt: (door: Door) => Promise<T>): Promise<T> {
    const { name, ring, history, signal } = this.#options;
    const deadline = performance.now() + GIVE_UP_MS;
    for (;;) {
      signal.throwIfAborted();
      const { door } = ring;
      const beginMs = performance.now();
      try {
        const answer = await attempt(door);
        ring.succeeded();
        return answer;
      } catch (fault) {
        const outcome = outcomeOf(fault);
        history.add({ kind: 'ask', what, client: name, node: door.name, beginMs, endMs: performance.now(), outcome });
        if (performance.now() > deadline) throw fault;
        await ring.failed(door, fault, signal);
      }
    }
  }
}

/** Resolves when the piece has left for the kernel: that is progress. */
function written(talk: ReturnType<typeof exchange>, piece: Buffer): Promise<void> {
  return new Promise((resolve) => {
    talk.req.write(piece, () => {
      talk.moved();
      resolve();
    });
  });
}

/** "When a body is refused in its middle, the problem's data.committed lists the chunks of it that are committed." */
function committedOf(fault: unknown): ChunkRanges {
  if (!(fault instanceof Refusal)) return [];
  const { committed } = (fault.body.data ?? {}) as { committed?: ChunkRanges };
  return committed ?? [];
}

function countOf(ranges: ChunkRanges): number {
  return ranges.reduce((sum, [first, end]) => sum + end - first, 0);
}

/** PROTOCOL 7: runs of the chunks that are not committed. */
function missingRuns(file: TransferStatusResponse['files'][number], runBytes: number): Run[] {
  const { chunkSizeBytes } = file;
  const chunkCount = file.chunkCount ?? 0;
  const sizeBytes = file.sizeBytes ?? 0;
  const chunksEach = Math.max(1, Math.floor(runBytes / chunkSizeBytes));
  const runs: Run[] = [];
  let next = 0;
  for (const [start, end] of [...file.committed, [chunkCount, chunkCount] as const]) {
    for (let first = next; first < start; first += chunksEach) {
      const last = Math.min(first + chunksEach, start);
      const offset = first * chunkSizeBytes;
      runs.push({ first, end: last, offset, lengthBytes: Math.min(last * chunkSizeBytes, sizeBytes) - offset });
    }
    next = end;
  }
  return runs;
}
