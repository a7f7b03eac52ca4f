import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ClusterResponse, PublicNode } from '../../../services/contracts/http.ts';
import type { ChunkRange, EngineFile } from './chunk-map.ts';
import { NodeBook } from './node-book.ts';
import type { Answered, UploadTransport } from './transport.ts';
import { UploadSession, type UploadSnapshot } from './upload-session.ts';

const CHUNK = 16 * 1024;
const file: EngineFile = { sizeBytes: 3 * CHUNK + 5, chunkSizeBytes: CHUNK, chunkCount: 4 };

/** A server in memory: keeps what it is sent and can be told to fail. */
class MemoryTransport implements UploadTransport {
  readonly chunks = new Map<number, Uint8Array>();
  readonly asked: string[] = [];
  readonly puts: { baseUrl: string; firstChunk: number; endChunk: number }[] = [];
  homeNodeId = 'home';
  isDown = new Set<string>();
  /** Connected, and no byte moves. */
  isFrozen = new Set<string>();

  async put(...[baseUrl, run, body, onMoved]: Parameters<UploadTransport['put']>): ReturnType<UploadTransport['put']> {
    if (this.isDown.has(baseUrl)) return { ok: false, fault: { kind: 'network' } };
    if (this.isFrozen.has(baseUrl)) return never();
    this.puts.push({ baseUrl, firstChunk: run.firstChunk, endChunk: run.endChunk });
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
    if (this.isFrozen.has(baseUrl)) return never();
    const committed = [...this.chunks.keys()].sort().map((chunk) => [chunk, chunk + 1] as const);
    const digest = this.#state() === 'sealed' ? 'd'.repeat(64) : null;
    const answer = { index: 0, ...file, committed, digest };
    return {
      ok: true,
      value: { state: this.#state(), generation: 1, homeNodeId: this.homeNodeId, recipients: 0, files: [answer] },
    } satisfies Answered<unknown>;
  }

  #state() {
    return this.chunks.size === file.chunkCount ? ('sealed' as const) : ('open' as const);
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

const node = (id: string, changes: Partial<PublicNode> = {}): PublicNode => ({
  id,
  publicUrl: `http://${id}`,
  state: 'healthy',
  isLeader: false,
  load: 0,
  ...changes,
});
const cluster = (...nodes: PublicNode[]): ClusterResponse => ({ clusterId: 'x', epoch: 1, nodes });

function sessionOf(
  blob: Blob | null,
  transport: UploadTransport,
  nodes: readonly PublicNode[] = [],
  usesCluster = true,
) {
  const book = new NodeBook(() => Date.now());
  book.configure({ usesCluster, ownAddress: '', ownOrigin: 'http://page', seeds: [] }, cluster(...nodes));
  const snapshots: UploadSnapshot[] = [];
  const session = new UploadSession(
    {
      files: [file],
      maxRunBytes: CHUNK,
      window: 1,
      ackTimeoutMs: 10_000,
      maxRetries: 3,
      homeNodeId: 'home',
    },
    [blob],
    {
      now: () => Date.now(),
      transport,
      route: book.routeTo('home'),
      sharers: () => 1,
      publish: (snapshot) => snapshots.push(snapshot),
    },
  );
  return { session, snapshots, book };
}

const bytes = Uint8Array.from({ length: file.sizeBytes }, (_, index) => index % 251);

describe('upload session', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** 16 KiB each half second. */
  function slowTransport(): MemoryTransport {
    const transport = new MemoryTransport();
    const answer = transport.put.bind(transport);
    transport.put = async (...args) => {
      await new Promise((later) => setTimeout(later, 500));
      return await answer(...args);
    };
    return transport;
  }

  /** Lets time pass until the session is in a phase. */
  async function until(snapshots: readonly UploadSnapshot[], name: string): Promise<void> {
    for (let step = 0; step < 400; step++) {
      if (snapshots.at(-1)?.phase.name === name) return;
      await jest.advanceTimersByTimeAsync(100);
    }
    throw new Error(`phase ${snapshots.at(-1)?.phase.name} after 40 s, ${name} wanted`);
  }

  it('tells how fast it goes and how long the rest takes, until nothing is left', async () => {
    const { session, snapshots } = sessionOf(new Blob([bytes]), slowTransport());
    session.start();
    await until(snapshots, 'sealed');
    const told = snapshots.filter(({ bytesPerSecond }) => (bytesPerSecond ?? 0) > 0);
    for (const { bytesPerSecond, remainingMs, movedBytes } of told) {
      expect(remainingMs).toBeCloseTo(((file.sizeBytes - movedBytes) / (bytesPerSecond ?? 0)) * 1000);
    }
    const halfway = told.find(({ movedBytes }) => movedBytes === 2 * CHUNK);
    expect((halfway?.bytesPerSecond ?? 0) / CHUNK).toBeCloseTo(2, 0);
    expect((halfway?.remainingMs ?? 0) / 500).toBeCloseTo(1, 0);
    expect(snapshots.at(-1)).toMatchObject({ bytesPerSecond: null, remainingMs: null });
  });

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

  const phasesOf = (snapshots: readonly UploadSnapshot[]) => [...new Set(snapshots.map(({ phase }) => phase.name))];

  it('goes direct to the home, and to another node when that is killed: calmly, nothing committed sent again', async () => {
    const transport = new MemoryTransport();
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport, [node('home'), node('replica')]);
    const put = transport.put.bind(transport);
    transport.put = async (...args) => {
      // Two chunks are stored when the home dies, and its replica takes over.
      if (transport.chunks.size === 2) {
        transport.isDown.add('http://home');
        transport.homeNodeId = 'replica';
      }
      return put(...args);
    };
    session.start();
    await until(snapshots, 'sealed');
    expect(transport.puts.map(({ baseUrl, firstChunk }) => [baseUrl, firstChunk])).toEqual([
      ['http://home', 0],
      ['http://home', 1],
      ['http://replica', 2],
      ['http://replica', 3],
    ]);
    expect(phasesOf(snapshots)).toEqual(['sending', 'moving', 'sealed']);
  });

  it.each([
    ['by the addresses of nodes', [node('home'), node('replica')], 'http://home', 4_000],
    ['behind one address', [node('home', { publicUrl: null }), node('replica', { publicUrl: null })], '', 4_000],
  ])('moves on from a node that freezes, %s', async (_what, nodes, frozen, mostMs) => {
    const transport = new MemoryTransport();
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport, nodes);
    const put = transport.put.bind(transport);
    let isFrozen = false;
    transport.put = async (...args) => {
      if (transport.chunks.size !== 2 || isFrozen || args[0] !== frozen) return put(...args);
      // The proxy leads to a frozen node once, and to another the next time.
      isFrozen = true;
      transport.homeNodeId = 'replica';
      if (frozen !== '') transport.isFrozen.add(frozen);
      return never();
    };
    session.start();
    while (!isFrozen) await jest.advanceTimersByTimeAsync(10);
    const frozenAtMs = Date.now();
    await until(snapshots, 'sealed');
    expect(Date.now() - frozenAtMs).toBeLessThan(mostMs);
    expect(transport.puts.map(({ firstChunk }) => firstChunk)).toEqual([0, 1, 2, 3]);
    expect(phasesOf(snapshots)).toEqual(['sending', 'moving', 'sealed']);
  });

  it('leaves a node that drains for new runs, without a pause', async () => {
    const transport = new MemoryTransport();
    const { session, snapshots, book } = sessionOf(new Blob([bytes]), transport, [node('home'), node('other')]);
    const put = transport.put.bind(transport);
    transport.put = async (...args) => {
      const answer = await put(...args);
      if (transport.chunks.size === 2) book.learn(cluster(node('home', { state: 'draining' }), node('other')));
      return answer;
    };
    session.start();
    await until(snapshots, 'sealed');
    expect(transport.puts.map(({ baseUrl }) => baseUrl)).toEqual(['http://home', 'http://home', '', '']);
    expect(phasesOf(snapshots)).toEqual(['sending', 'sealed']);
  });

  it('finds the home again after it has moved, and goes direct to it', async () => {
    const transport = new MemoryTransport();
    transport.homeNodeId = 'other';
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport, [node('home'), node('other')]);
    session.start();
    await until(snapshots, 'sealed');
    expect(new Set(transport.puts.map(({ baseUrl }) => baseUrl))).toEqual(new Set(['http://other']));
  });

  it('says that there is no connection when no node answers for long', async () => {
    const transport = new MemoryTransport();
    for (const url of ['', 'http://home', 'http://other']) transport.isDown.add(url);
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport, [node('home'), node('other')]);
    session.start();
    await until(snapshots, 'offline');
    expect(phasesOf(snapshots)).toEqual(['moving', 'offline']);
    transport.isDown.clear();
    await until(snapshots, 'sealed');
  });

  it('claims no more than one chunk of what buffers took in and nobody stored', async () => {
    const large: EngineFile = { sizeBytes: 20 * CHUNK, chunkSizeBytes: CHUNK, chunkCount: 20 };
    const answer = { ...large, index: 0, committed: [[0, 2]] as const, digest: null };
    const snapshots: UploadSnapshot[] = [];
    const book = new NodeBook(() => Date.now());
    const plan = { window: 2, ackTimeoutMs: 10_000, maxRetries: 3, homeNodeId: 'home', maxRunBytes: 4 * CHUNK };
    const session = new UploadSession({ ...plan, files: [large] }, [new Blob([new Uint8Array(20 * CHUNK)])], {
      now: () => Date.now(),
      route: book.routeTo('home'),
      sharers: () => 1,
      publish: (snapshot) => snapshots.push(snapshot),
      transport: {
        put: (_baseUrl, _run, body, onMoved) => {
          onMoved(body.size);
          return never();
        },
        status: async () => ({
          ok: true,
          value: { state: 'open', generation: 1, homeNodeId: 'home', recipients: 0, files: [answer] },
        }),
      },
    });
    session.start();
    await jest.advanceTimersByTimeAsync(300);
    expect(snapshots.at(-1)).toMatchObject({ storedBytes: 2 * CHUNK, movedBytes: 3 * CHUNK });
    expect(snapshots.flatMap(({ files }) => files).at(-1)).toEqual({
      index: 0,
      storedBytes: 2 * CHUNK,
      movedBytes: 3 * CHUNK,
    });
    session.dispatch({ type: 'cancel' });
  });

  it('keeps one connection to the page’s own origin free', async () => {
    const waiting: string[] = [];
    const large: EngineFile = { sizeBytes: 20 * CHUNK, chunkSizeBytes: CHUNK, chunkCount: 20 };
    const inFlight = async (nodes: readonly PublicNode[], sharers: number) => {
      waiting.length = 0;
      const book = new NodeBook(() => Date.now());
      book.configure({ usesCluster: true, ownAddress: '', ownOrigin: 'http://page', seeds: [] }, cluster(...nodes));
      const plan = { window: 6, ackTimeoutMs: 10_000, maxRetries: 3, homeNodeId: 'home', maxRunBytes: CHUNK };
      const answer = { ...large, index: 0, committed: [], digest: null };
      const session = new UploadSession({ ...plan, files: [large] }, [new Blob([new Uint8Array(20 * CHUNK)])], {
        now: () => Date.now(),
        route: book.routeTo('home'),
        sharers: () => sharers,
        publish: () => {},
        transport: {
          put: (baseUrl) => {
            waiting.push(baseUrl);
            return never();
          },
          status: async () => ({
            ok: true,
            value: { state: 'open', generation: 1, homeNodeId: 'home', recipients: 0, files: [answer] },
          }),
        },
      });
      session.start();
      await jest.advanceTimersByTimeAsync(200);
      session.dispatch({ type: 'cancel' });
      return [...waiting];
    };
    expect(await inFlight([], 1)).toEqual(Array(5).fill(''));
    expect(await inFlight([], 2)).toEqual(Array(2).fill(''));
    expect(await inFlight([node('home')], 1)).toEqual(Array(6).fill('http://home'));
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

  it('tells a file that ends sooner than it did, of which only the beginning can be read, from a dead line', async () => {
    const cut = new Blob([bytes]);
    cut.slice = () => {
      const slice = new Blob([bytes.subarray(0, CHUNK)]);
      slice.slice = (start = 0) => {
        if (start > 0) throw new DOMException('shorter now', 'NotReadableError');
        return new Blob(['x']);
      };
      return slice;
    };
    const transport = new MemoryTransport();
    const { session, snapshots } = sessionOf(cut, {
      put: async () => ({ ok: false, fault: { kind: 'network' } }),
      status: (baseUrl) => transport.status(baseUrl),
    });
    session.start();
    await until(snapshots, 'stalled');
    expect(snapshots.at(-1)?.phase).toEqual({ name: 'stalled', fault: { kind: 'unreadable', fileIndex: 0 } });
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

  it('claims nothing of its files before the server has said what is there: a page that knew more would forget it', async () => {
    const { session, snapshots } = sessionOf(new Blob([bytes]), new MemoryTransport());
    session.start();
    session.dispatch({ type: 'pause' });
    expect(snapshots.at(-1)).toMatchObject({ isStoredKnown: false, files: [] });
  });

  it('does not take a node for lost whose runs were cut because somebody paused', async () => {
    const transport = new MemoryTransport();
    transport.put = (_baseUrl, _run, _body, _onMoved, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ ok: false, fault: { kind: 'network' } }), { once: true });
      });
    const { session, snapshots, book } = sessionOf(new Blob([bytes]), transport, [node('home'), node('other')]);
    session.start();
    await until(snapshots, 'sending');
    session.dispatch({ type: 'pause' });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(book.routeTo('home').isAvoided('http://home')).toBe(false);
  });

  describe('when nothing moves', () => {
    /** Runs that stand still and statuses that are answered when a test says so. */
    function standing() {
      const moved: ((sentBytes: number) => void)[] = [];
      const asked: { baseUrl: string; answer: () => void }[] = [];
      const server = new MemoryTransport();
      const transport: UploadTransport = {
        put: (baseUrl, _run, _body, onMoved) => {
          server.puts.push({ baseUrl, firstChunk: 0, endChunk: 0 });
          moved.push(onMoved);
          return never();
        },
        status: (baseUrl) =>
          asked.length === 0
            ? server.status(baseUrl).finally(() => asked.push({ baseUrl, answer: () => {} }))
            : new Promise((resolve) =>
                asked.push({ baseUrl, answer: () => void server.status(baseUrl).then(resolve) }),
              ),
      };
      const { session, snapshots } = sessionOf(new Blob([bytes]), transport, [node('home'), node('other')]);
      return { session, snapshots, moved, asked, server };
    }

    it('stays where it is when something has moved again before another node answered', async () => {
      const { session, snapshots, moved, asked, server } = standing();
      session.start();
      await until(snapshots, 'sending');
      await jest.advanceTimersByTimeAsync(3_200);
      const probes = asked.slice(1);
      expect(probes.length).toBeGreaterThan(0);
      moved[0]?.(100);
      for (const { answer } of probes) answer();
      await jest.advanceTimersByTimeAsync(200);
      expect(snapshots.at(-1)?.phase.name).toBe('sending');
      expect(new Set(server.puts.map(({ baseUrl }) => baseUrl))).toEqual(new Set(['http://home']));
      session.dispatch({ type: 'cancel' });
    });

    it('has no more than two looks at other nodes under way, however long they take', async () => {
      const { session, snapshots, asked } = standing();
      session.start();
      await until(snapshots, 'sending');
      await jest.advanceTimersByTimeAsync(9_800);
      // Each look asks the page's own address and, while that is silent, the other node.
      expect(asked.slice(1).filter(({ baseUrl }) => baseUrl === '')).toHaveLength(2);
      session.dispatch({ type: 'cancel' });
    });
  });

  it('leaves a home that says nothing from the start for a node that does', async () => {
    const transport = new MemoryTransport();
    transport.isFrozen.add('http://home');
    const sentTo = new Set<string>();
    const put = transport.put.bind(transport);
    transport.put = (...args) => {
      sentTo.add(args[0]);
      return put(...args);
    };
    const { session, snapshots } = sessionOf(new Blob([bytes]), transport, [node('home'), node('other')]);
    session.start();
    await until(snapshots, 'sealed');
    expect([...sentTo]).not.toContain('http://home');
  });

  it('tells no rate of before it was paused when it goes on', async () => {
    const { session, snapshots } = sessionOf(new Blob([bytes]), slowTransport());
    session.start();
    await jest.advanceTimersByTimeAsync(1_200);
    expect(snapshots.at(-1)?.bytesPerSecond).toBeGreaterThan(0);
    session.dispatch({ type: 'pause' });
    await jest.advanceTimersByTimeAsync(1_000);
    session.dispatch({ type: 'resume' });
    await until(snapshots, 'sending');
    expect(snapshots.at(-1)?.bytesPerSecond).toBeNull();
    await until(snapshots, 'sealed');
  });
});
