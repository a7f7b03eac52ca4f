import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import type { Fault } from './fault.ts';
import { FileSaver, type OpenBody, type SavePhase, type SavePorts } from './file-saver.ts';
import { NodeBook } from './node-book.ts';

const content = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);
const cluster: ClusterResponse = {
  clusterId: 'x',
  epoch: 1,
  nodes: ['a', 'b'].map((id) => ({ id, publicUrl: `http://${id}`, state: 'healthy', isLeader: false, load: 0 })),
};

type Plan = (address: string, from: number, etag: string | null) => OpenBody | Fault | 'never';

/** The file from a byte on, in pieces of 100; `fate` decides what a read past `upTo` does. */
function body(from: number, upTo = 1_000, fate: 'end' | 'break' | 'hang' = 'end', etag = '"b3-x"'): OpenBody {
  let at = from;
  return {
    from,
    etag,
    read: () => {
      if (at >= upTo) {
        if (fate === 'end') return Promise.resolve(null);
        return fate === 'break' ? Promise.reject(new TypeError('cut')) : new Promise(() => {});
      }
      const piece = content.slice(at, Math.min(at + 100, upTo));
      at += piece.length;
      return Promise.resolve(piece);
    },
    close: () => {},
  };
}

function saving(plan: Plan, nodes: ClusterResponse | null = cluster, renewRight?: SavePorts['renewRight']) {
  const book = new NodeBook(() => Date.now());
  book.configure({ usesCluster: true, ownAddress: '', ownOrigin: 'http://page', seeds: [] }, nodes);
  const written: number[] = [];
  const phases: string[] = [];
  const opened: [string, number][] = [];
  const ports: SavePorts = {
    open: async (address, from, etag) => {
      opened.push([address, from]);
      const found = plan(address, from, etag);
      if (found === 'never') return new Promise(() => {});
      return 'kind' in found ? { ok: false, fault: found } : { ok: true, body: found };
    },
    write: async (bytes) => void written.push(...bytes),
    restart: async () => void written.splice(0),
    route: book.routeTo('a'),
    random: () => 0,
    ...(renewRight ? { renewRight } : {}),
    publish: ({ name }) => {
      if (phases.at(-1) !== name) phases.push(name);
    },
  };
  const abort = new AbortController();
  const result: { phase?: SavePhase; fault?: unknown } = {};
  new FileSaver(content.length, ports).run(abort.signal).then(
    (phase) => {
      result.phase = phase;
    },
    (fault: unknown) => {
      result.fault = fault;
    },
  );
  return { written, phases, opened, abort, result };
}

describe('FileSaver', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('writes every byte once and is done', async () => {
    const { written, phases, opened } = saving((_, from) => body(from));
    await jest.advanceTimersByTimeAsync(100);
    expect(written).toEqual([...content]);
    expect(phases).toEqual(['saving', 'saved']);
    expect(opened).toEqual([['http://a', 0]]);
  });

  it('goes on at the next byte through another node when the line breaks', async () => {
    const { written, phases, opened } = saving((address, from) =>
      address === 'http://a' ? body(from, 400, 'break') : body(from),
    );
    await jest.advanceTimersByTimeAsync(1_000);
    expect(written).toEqual([...content]);
    expect(opened).toEqual([
      ['http://a', 0],
      ['', 400],
    ]);
    expect(phases).toEqual(['saving', 'moving', 'saving', 'saved']);
  });

  it('leaves a frozen node after three seconds, before its head and in the middle', async () => {
    const frozen = saving((address, from) => (address === 'http://a' ? body(from, 400, 'hang') : body(from)));
    await jest.advanceTimersByTimeAsync(3_200);
    expect(frozen.result.phase).toEqual({ name: 'saved' });
    expect(frozen.written).toEqual([...content]);
    const silent = saving((address, from) => (address === 'http://a' ? 'never' : body(from)));
    await jest.advanceTimersByTimeAsync(6_200);
    expect(silent.result.phase).toEqual({ name: 'saved' });
  });

  it('takes a body that ends early for a broken one', async () => {
    const { written, opened } = saving((_, from) => body(from, Math.min(1_000, from + 300)));
    await jest.advanceTimersByTimeAsync(5_000);
    expect(written).toEqual([...content]);
    expect(opened.map(([, from]) => from)).toEqual([0, 300, 600, 900]);
  });

  it('begins anew when the file is another one now', async () => {
    const { written } = saving((address, from, etag) => {
      if (address === 'http://a') return body(0, 400, 'break', '"old-1"');
      expect([from, etag]).toEqual([400, '"old-1"']);
      return body(0);
    });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(written).toEqual([...content]);
  });

  it('waits for a slow sender longer and longer instead of moving for ever', async () => {
    const { opened, result } = saving((_, from) => body(from, 400, 'hang'));
    await jest.advanceTimersByTimeAsync(300_000);
    expect(opened.length).toBeLessThan(14);
    expect(result.phase).toBeUndefined();
  });

  it('ends with what a server refuses for ever, and with the person’s word', async () => {
    const gone: Fault = { kind: 'problem', type: 'expired', retryAfterMs: null };
    const refused = saving(() => gone);
    await jest.advanceTimersByTimeAsync(100);
    expect(refused.result.phase).toEqual({ name: 'failed', fault: gone });
    const cancelled = saving((_, from) => body(from, 400, 'hang'));
    await jest.advanceTimersByTimeAsync(100);
    cancelled.abort.abort();
    await jest.advanceTimersByTimeAsync(4_000);
    expect(cancelled.result.phase).toEqual({ name: 'cancelled' });
  });

  it('goes on with a new right where the one it began with ended, as while a laptop slept', async () => {
    const over: Fault = { kind: 'problem', type: 'bad_token', retryAfterMs: null };
    let isGood = true;
    let asked = 0;
    const plan: Plan = (_, from) => (isGood ? body(from, from === 0 ? 400 : 1_000, 'break') : over);
    const { opened, result } = saving(plan, cluster, async () => {
      asked += 1;
      // The line is not quite back when it is asked for first.
      if (asked === 1) return { kind: 'network' };
      isGood = true;
      return null;
    });
    await jest.advanceTimersByTimeAsync(0);
    isGood = false;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(opened.map(([, from]) => from)).toEqual([0, 400, 400, 400]);
    expect(result.phase).toEqual({ name: 'saved' });
  });

  it('ends when no new right is given, and when that is no good either', async () => {
    const over: Fault = { kind: 'problem', type: 'password_required', retryAfterMs: null };
    const refused = saving(
      () => over,
      cluster,
      async () => over,
    );
    const useless = saving(
      () => over,
      cluster,
      async () => null,
    );
    await jest.advanceTimersByTimeAsync(1_000);
    expect([refused.opened.length, refused.result.phase]).toEqual([1, { name: 'failed', fault: over }]);
    expect([useless.opened.length, useless.result.phase]).toEqual([2, { name: 'failed', fault: over }]);
  });

  it('waits with the reason when the server asks for patience, and stops at once when told so', async () => {
    const held: Fault = { kind: 'problem', type: 'slots_held', retryAfterMs: 60_000 };
    const { phases, opened, abort, result } = saving(() => held);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(phases).toEqual(['waiting']);
    expect(opened).toHaveLength(1);
    abort.abort();
    await jest.advanceTimersByTimeAsync(0);
    expect(result.phase).toEqual({ name: 'cancelled' });
  });

  it('goes elsewhere at once when a node is about to leave', async () => {
    const leaving: Fault = { kind: 'problem', type: 'draining', retryAfterMs: 60_000 };
    const { phases, result } = saving((address, from) => (address === 'http://a' ? leaving : body(from)));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(phases).toEqual(['moving', 'saving', 'saved']);
    expect(result.phase).toEqual({ name: 'saved' });
  });

  it('says that there is no connection when nobody answers, and goes on when somebody does', async () => {
    let isUp = false;
    const { phases, result } = saving((_, from) => (isUp ? body(from) : { kind: 'network' }));
    await jest.advanceTimersByTimeAsync(20_000);
    expect(phases).toEqual(['moving', 'offline']);
    isUp = true;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(result.phase).toEqual({ name: 'saved' });
  });

  it('does not ask again in the same moment when an answer ends too soon without a fault', async () => {
    const { opened, abort } = saving((_address, from) => body(from, from), null);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(opened.length).toBeGreaterThan(1);
    expect(opened.length).toBeLessThan(10);
    abort.abort();
    await jest.advanceTimersByTimeAsync(0);
  });

  it('lets go of an answer that comes too late, so that two never write', async () => {
    const signals: AbortSignal[] = [];
    const book = new NodeBook(() => Date.now());
    const saver = new FileSaver(content.length, {
      open: (_address, _from, _etag, signal) => {
        signals.push(signal);
        return signals.length === 1 ? new Promise(() => {}) : Promise.resolve({ ok: true, body: body(0) });
      },
      write: async () => {},
      restart: async () => {},
      route: book.routeTo(null),
      random: () => 0,
      publish: () => {},
    });
    const ended = saver.run(new AbortController().signal);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await ended).toEqual({ name: 'saved' });
    expect(signals[0]?.aborted).toBe(true);
  });

  it('waits for the disk with each piece, and stops when it is full', async () => {
    const book = new NodeBook(() => Date.now());
    let writing = 0;
    let mostWriting = 0;
    const saver = new FileSaver(content.length, {
      open: async () => ({ ok: true, body: body(0) }),
      write: async () => {
        writing += 1;
        mostWriting = Math.max(mostWriting, writing);
        await new Promise((resolve) => setTimeout(resolve, 10));
        writing -= 1;
      },
      restart: async () => {},
      route: book.routeTo(null),
      random: () => 0,
      publish: () => {},
    });
    const ended = saver.run(new AbortController().signal);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await ended).toEqual({ name: 'saved' });
    expect(mostWriting).toBe(1);
  });
});
