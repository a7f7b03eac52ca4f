import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ChunkRange, EngineFile } from './chunk-map.ts';
import type { Answered, UploadTransport } from './transport.ts';
import { UploadSession, type UploadSnapshot } from './upload-session.ts';

const CHUNK = 16 * 1024;
const file: EngineFile = { sizeBytes: 3 * CHUNK + 5, chunkSizeBytes: CHUNK, chunkCount: 4 };

/** A server in memory: keeps what it is sent and can be told to fail. */
class MemoryTransport implements UploadTransport {
  readonly chunks = new Map<number, Uint8Array>();
  readonly asked: string[] = [];
  isDown = new Set<string>();

  async put(...[baseUrl, run, body, onMoved]: Parameters<UploadTransport['put']>): ReturnType<UploadTransport['put']> {
    if (this.isDown.has(baseUrl)) return { ok: false, fault: { kind: 'network' } };
    const bytes = new Uint8Array(await body.arrayBuffer());
    onMoved(bytes.length);
    for (let chunk = run.firstChunk; chunk < run.endChunk; chunk++) {
      const start = (chunk - run.firstChunk) * CHUNK;
      this.chunks.set(chunk, bytes.slice(start, start + CHUNK));
    }
    const committed: ChunkRange[] = [[run.firstChunk, run.endChunk]];
    return { ok: true, value: { committed, state: this.#state(), digest: null } };
  }

  async status(baseUrl: string): ReturnType<UploadTransport['status']> {
    this.asked.push(baseUrl);
    if (this.isDown.has(baseUrl)) return { ok: false, fault: { kind: 'network' } };
    const committed = [...this.chunks.keys()].sort().map((chunk) => [chunk, chunk + 1] as const);
    const digest = this.#state() === 'sealed' ? 'd'.repeat(64) : null;
    const answer = { index: 0, ...file, committed, digest };
    return { ok: true, value: { state: this.#state(), generation: 1, files: [answer] } } satisfies Answered<unknown>;
  }

  #state() {
    return this.chunks.size === file.chunkCount ? ('sealed' as const) : ('open' as const);
  }
}

function sessionOf(blob: Blob | null, transport: UploadTransport, endpoints = ['']) {
  const snapshots: UploadSnapshot[] = [];
  const session = new UploadSession(
    { files: [file], maxRunBytes: 2 * CHUNK, window: 1, ackTimeoutMs: 10_000, maxRetries: 3, endpoints },
    [blob],
    { now: () => Date.now(), transport, publish: (snapshot) => snapshots.push(snapshot) },
  );
  return { session, snapshots };
}

const bytes = Uint8Array.from({ length: file.sizeBytes }, (_, index) => index % 251);

describe('upload session', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Lets time pass until the session is in a phase. */
  async function until(snapshots: readonly UploadSnapshot[], name: string): Promise<void> {
    for (let step = 0; step < 400; step++) {
      if (snapshots.at(-1)?.phase.name === name) return;
      await jest.advanceTimersByTimeAsync(100);
    }
    throw new Error(`phase ${snapshots.at(-1)?.phase.name} after 40 s, ${name} wanted`);
  }

  it('sends every byte to its place and ends sealed with the digest', async () => {
    const transport = new MemoryTransport();
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport);
    session.start();
    await until(snapshots, 'sealed');
    const received = [0, 1, 2, 3].flatMap((chunk) => [...(transport.chunks.get(chunk) ?? [])]);
    expect(received).toEqual([...bytes]);
    expect(snapshots.at(-1)).toMatchObject({ storedBytes: file.sizeBytes, digests: ['d'.repeat(64)] });
    expect(session.isOver).toBe(true);
  });

  it('tells the cells so that a follower has them all', async () => {
    const { session, snapshots } = sessionOf(new Blob([bytes]), new MemoryTransport());
    session.start();
    await until(snapshots, 'sealed');
    const cells = new Uint8Array(file.chunkCount);
    for (const snapshot of snapshots) for (const { from, states } of snapshot.cells) cells.set(states, from);
    expect([...cells]).toEqual([2, 2, 2, 2]);
  });

  it('waits out a server that is gone and goes on by itself', async () => {
    const transport = new MemoryTransport();
    transport.isDown.add('');
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport);
    session.start();
    await until(snapshots, 'offline');
    await jest.advanceTimersByTimeAsync(60_000);
    expect(snapshots.at(-1)?.phase.name).toBe('offline');
    transport.isDown.clear();
    await until(snapshots, 'sealed');
  });

  it('goes on at another node when its own is gone', async () => {
    const transport = new MemoryTransport();
    transport.isDown.add('http://one');
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport, ['http://one', 'http://two']);
    session.start();
    await until(snapshots, 'sealed');
    expect(transport.asked.slice(0, 2)).toEqual(['http://one', 'http://two']);
  });

  it('says that a file became shorter instead of sending other bytes', async () => {
    const { session, snapshots } = sessionOf(new Blob([bytes.subarray(0, 100)]), new MemoryTransport());
    session.start();
    await until(snapshots, 'stalled');
    expect(snapshots.at(-1)?.phase).toEqual({ name: 'stalled', fault: { kind: 'unreadable', fileIndex: 0 } });
  });

  it('tells a file that cannot be read from a dead line', async () => {
    const gone = new Blob([bytes]);
    gone.slice = () => {
      const slice = new Blob([bytes.subarray(0, 2 * CHUNK)]);
      slice.slice = () => {
        throw new DOMException('gone', 'NotReadableError');
      };
      return slice;
    };
    const transport = new MemoryTransport();
    const { session, snapshots } = sessionOf(gone, {
      put: async () => ({ ok: false, fault: { kind: 'network' } }),
      status: (baseUrl) => transport.status(baseUrl),
    });
    session.start();
    await until(snapshots, 'stalled');
    expect(snapshots.at(-1)?.phase).toMatchObject({ fault: { kind: 'unreadable' } });
  });

  it('ends quietly when cancelled', async () => {
    const transport = new MemoryTransport();
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport);
    session.start();
    session.dispatch({ type: 'cancel' });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(snapshots.at(-1)?.phase.name).toBe('cancelled');
    expect(transport.chunks.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});
