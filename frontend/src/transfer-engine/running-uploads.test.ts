import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { EngineFile } from './chunk-map.ts';
import { NodeBook } from './node-book.ts';
import { RunningUploads } from './running-uploads.ts';
import type { UploadTransport } from './transport.ts';
import type { FromWorker } from './worker-protocol.ts';

const CHUNK = 16 * 1024;
const CHUNKS = 40;
const file: EngineFile = { sizeBytes: CHUNKS * CHUNK, chunkSizeBytes: CHUNK, chunkCount: CHUNKS };
const blob = new File([new Uint8Array(file.sizeBytes)], 'a.bin');

type PutAnswer = Awaited<ReturnType<UploadTransport['put']>>;

/** A worker with nothing around it: runs stay in flight until `answerAll`. */
function worker() {
  const told: FromWorker[] = [];
  const held: { transferId: string; signal: AbortSignal; answer: (value: PutAnswer) => void }[] = [];
  const inFlight = (transferId: string) =>
    held.filter((run) => run.transferId === transferId && !run.signal.aborted).length;
  const book = new NodeBook(() => Date.now());
  let isScouting = false;
  const running = new RunningUploads({
    now: () => Date.now(),
    tell: (message) => told.push(message),
    book,
    scout: {
      start: () => {
        isScouting = true;
      },
      stop: () => {
        isScouting = false;
      },
    },
    fingerprint: async () => 'f'.repeat(16),
    transport: (transferId) => ({
      put: (_baseUrl, _run, _body, _onMoved, signal) =>
        new Promise((answer) => held.push({ transferId, signal, answer })),
      status: async () => ({
        ok: true,
        value: {
          state: 'open',
          generation: 1,
          homeNodeId: 'home',
          recipients: 0,
          files: [{ ...file, index: 0, committed: [], digest: null }],
        },
      }),
    }),
  });
  const begin = (transferId: string, fileCount = 1) =>
    running.begin({
      type: 'begin',
      transferId,
      uploadToken: 'token',
      plan: {
        files: Array.from({ length: fileCount }, () => file),
        maxRunBytes: CHUNK,
        window: 6,
        ackTimeoutMs: 10_000,
        maxRetries: 3,
        homeNodeId: null,
      },
      nodes: { settings: { usesCluster: false, ownAddress: '', ownOrigin: 'http://page', seeds: [] }, cluster: null },
      files: Array.from({ length: fileCount }, () => blob),
      unmarkedFiles: Array.from({ length: fileCount }, (_, index) => index),
    });
  const answerAll = async () => {
    for (const run of held.splice(0)) run.answer({ ok: true, value: { committed: [], state: 'open', digest: null } });
    await jest.advanceTimersByTimeAsync(200);
  };
  const phasesOf = (transferId: string) =>
    told.flatMap((message) =>
      message.type === 'snapshot' && message.transferId === transferId ? [message.snapshot.phase.name] : [],
    );
  return { running, begin, answerAll, inFlight, phasesOf, told, isScouting: () => isScouting };
}

describe('running uploads', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('share the connections, whichever began first, and take back what one leaves', async () => {
    const { running, begin, answerAll, inFlight } = worker();
    begin('one');
    await jest.advanceTimersByTimeAsync(200);
    expect(inFlight('one')).toBe(5);
    begin('two');
    await jest.advanceTimersByTimeAsync(200);
    begin('three');
    await jest.advanceTimersByTimeAsync(200);
    await answerAll();
    expect([inFlight('one'), inFlight('two'), inFlight('three')]).toEqual([1, 1, 1]);
    running.dispatch('two', { type: 'pause' });
    await answerAll();
    expect([inFlight('one'), inFlight('two'), inFlight('three')]).toEqual([2, 0, 2]);
    running.dispatch('three', { type: 'cancel' });
    await answerAll();
    expect([inFlight('one'), inFlight('two'), inFlight('three')]).toEqual([5, 0, 0]);
  });

  it('lets one that is begun again go on, and says nothing of the end of the session before', async () => {
    const { running, begin, answerAll, inFlight, phasesOf } = worker();
    begin('one');
    await jest.advanceTimersByTimeAsync(200);
    begin('one');
    await jest.advanceTimersByTimeAsync(200);
    expect(phasesOf('one')).not.toContain('cancelled');
    expect(inFlight('one')).toBe(5);
    await answerAll();
    expect(inFlight('one')).toBe(5);
    running.dispatch('one', { type: 'pause' });
    expect(phasesOf('one').at(-1)).toBe('paused');
    expect(inFlight('one')).toBe(0);
  });

  it('tell the end of one that was cancelled, and look at the nodes no longer when none is left', async () => {
    const { running, begin, phasesOf, isScouting, told } = worker();
    begin('one');
    await jest.advanceTimersByTimeAsync(1_200);
    expect(isScouting()).toBe(true);
    expect(told).toContainEqual({
      type: 'fingerprints',
      transferId: 'one',
      marks: [{ index: 0, fingerprint: 'f'.repeat(16) }],
    });
    running.dispatch('one', { type: 'cancel' });
    expect(phasesOf('one').at(-1)).toBe('cancelled');
    expect(isScouting()).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('do not read files of one that is over, to know them again', async () => {
    const { running, begin, told } = worker();
    begin('one');
    running.dispatch('one', { type: 'cancel' });
    await jest.advanceTimersByTimeAsync(5_000);
    expect(told.filter(({ type }) => type === 'fingerprints')).toEqual([]);
  });

  it('tell what they know files by as they go, so that a reload in the middle knows the first of many', async () => {
    const { begin, told } = worker();
    begin('one', 130);
    await jest.advanceTimersByTimeAsync(1_500);
    const counts = told.flatMap((message) => (message.type === 'fingerprints' ? [message.marks.length] : []));
    expect(counts).toEqual([64, 64, 2]);
  });
});
