import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ErrorType } from '../../../services/contracts/errors.ts';
import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import { CELL, type ChunkRange, type EngineFile } from './chunk-map.ts';
import type { Fault } from './fault.ts';
import type { UploadEffect, UploadEvent } from './upload-events.ts';
import { ASK_AGAIN_MS, UploadMachine } from './upload-machine.ts';

const CHUNK = 16 * 1024;

function fileOf(sizeBytes: number, chunkSizeBytes = CHUNK): EngineFile {
  return { sizeBytes, chunkSizeBytes, chunkCount: Math.ceil(sizeBytes / chunkSizeBytes) };
}

function machineOf(
  files: readonly EngineFile[],
  overrides: Partial<{ window: number; maxRetries: number; hasOthers: boolean; awaitsAnswer: boolean }> = {},
) {
  const { window = 3, maxRetries = 3, hasOthers = false, awaitsAnswer = false } = overrides;
  return new UploadMachine({
    files,
    maxRunBytes: 4 * CHUNK,
    window: () => window,
    hasOthers: () => hasOthers,
    ackTimeoutMs: 10_000,
    maxRetries,
    random: () => 0,
    awaitsAnswer,
  });
}

/** The far side: which chunks it has, and the answers it would give. */
class FarSide {
  readonly committed: Set<number>[];
  readonly #files: readonly EngineFile[];
  generation = 1;

  constructor(files: readonly EngineFile[]) {
    this.#files = files;
    this.committed = files.map(() => new Set<number>());
  }

  get isSealed(): boolean {
    return this.#files.every((file, index) => this.committed[index]?.size === file.chunkCount);
  }

  take(effect: UploadEffect, upTo = Number.POSITIVE_INFINITY): void {
    if (effect.type !== 'send') return;
    const { fileIndex, firstChunk, endChunk } = effect.run;
    for (let chunk = firstChunk; chunk < Math.min(endChunk, firstChunk + upTo); chunk++) {
      this.committed[fileIndex]?.add(chunk);
    }
  }

  answer(effect: Extract<UploadEffect, { type: 'send' }>): UploadEvent {
    this.take(effect);
    const committed: ChunkRange[] = [[effect.run.firstChunk, effect.run.endChunk]];
    return {
      type: 'run_answered',
      runId: effect.runId,
      answer: { committed, state: this.isSealed ? 'sealed' : 'open', digest: null },
    };
  }

  status(): UploadEvent {
    const answer: TransferStatusResponse = {
      state: this.isSealed ? 'sealed' : 'open',
      generation: this.generation,
      homeNodeId: 'home',
      recipients: 0,
      files: this.#files.map((file, index) => ({
        index,
        sizeBytes: file.sizeBytes,
        chunkSizeBytes: file.chunkSizeBytes,
        chunkCount: file.chunkCount,
        committed: [...(this.committed[index] ?? [])].sort((a, b) => a - b).map((chunk) => [chunk, chunk + 1] as const),
        digest: this.isSealed ? 'd'.repeat(64) : null,
      })),
    };
    return { type: 'status', answer };
  }
}

const NETWORK: Fault = { kind: 'network' };
const problem = (type: ErrorType, retryAfterMs: number | null = null): Fault => ({
  kind: 'problem',
  type,
  retryAfterMs,
});
const sends = (effects: readonly UploadEffect[]) => effects.filter((effect) => effect.type === 'send');

/** A machine that has been told what the far side has, and its first effects. */
function started(files: readonly EngineFile[], overrides = {}) {
  const far = new FarSide(files);
  const machine = machineOf(files, overrides);
  expect(machine.handle({ type: 'start' }, 0)).toEqual([{ type: 'ask_status' }]);
  return { far, machine, effects: machine.handle(far.status(), 0) };
}

describe('upload machine', () => {
  it('asks what is there before it sends, then fills its window with runs of whole chunks', () => {
    const { effects, machine } = started([fileOf(20 * CHUNK + 1)]);
    expect(sends(effects).map((effect) => [effect.run.firstChunk, effect.run.endChunk])).toEqual([
      [0, 4],
      [4, 8],
      [8, 12],
    ]);
    expect(machine.phase.name).toBe('sending');
  });

  it('is sealed with its digests after the last answer, and the last chunk is short', () => {
    const { far, machine, effects } = started([fileOf(5 * CHUNK + 7)]);
    const [first, second] = sends(effects);
    expect(second?.run).toEqual({
      fileIndex: 0,
      firstChunk: 4,
      endChunk: 6,
      offsetBytes: 4 * CHUNK,
      sizeBytes: CHUNK + 7,
    });
    if (!first || !second) throw new Error('two runs expected');
    machine.handle(far.answer(first), 1);
    expect(machine.handle(far.answer(second), 2)).toEqual([{ type: 'ask_status' }]);
    machine.handle(far.status(), 3);
    expect(machine.phase).toEqual({ name: 'sealed' });
    expect(machine.digests).toEqual(['d'.repeat(64)]);
  });

  it('sends only the chunks that the server does not have', () => {
    const files = [fileOf(4 * CHUNK), fileOf(2 * CHUNK)];
    const far = new FarSide(files);
    far.committed[0]?.add(0).add(2);
    far.committed[1]?.add(0).add(1);
    const machine = machineOf(files);
    machine.handle({ type: 'start' }, 0);
    const ranges = sends(machine.handle(far.status(), 0)).map(({ run }) => [
      run.fileIndex,
      run.firstChunk,
      run.endChunk,
    ]);
    expect(ranges).toEqual([
      [0, 1, 2],
      [0, 3, 4],
    ]);
  });

  it('seals a transfer of empty files without sending a byte', () => {
    const { machine } = started([fileOf(0), fileOf(0)]);
    expect(machine.phase.name).toBe('sealed');
  });

  it('goes offline when the line breaks, and goes on by itself with what is missing only', () => {
    const { far, machine, effects } = started([fileOf(12 * CHUNK)]);
    for (const effect of sends(effects)) far.take(effect, 2);
    for (const effect of sends(effects))
      machine.handle({ type: 'run_failed', runId: effect.runId, fault: NETWORK }, 100);
    expect(machine.phase).toEqual({ name: 'offline' });
    for (let atMs = 300, tries = 0; tries < 50; atMs += 6_000, tries++) {
      expect(machine.handle({ type: 'tick' }, atMs)).toEqual([{ type: 'ask_status' }]);
      machine.handle({ type: 'status_failed', fault: NETWORK }, atMs);
      expect(machine.phase).toEqual({ name: 'offline' });
    }
    machine.handle({ type: 'tick' }, 400_000);
    const resent = sends(machine.handle(far.status(), 400_001)).map(({ run }) => [run.firstChunk, run.endChunk]);
    expect(resent).toEqual([
      [2, 4],
      [6, 8],
      [10, 12],
    ]);
  });

  it('waits as long as Retry-After says, and does not run out of retries by it', () => {
    const { far, machine, effects } = started([fileOf(CHUNK)], { window: 1 });
    let run = sends(effects)[0];
    let nowMs = 0;
    for (let round = 0; round < 10; round++) {
      if (!run) throw new Error('a run expected');
      machine.handle({ type: 'run_failed', runId: run.runId, fault: problem('busy', 7_000) }, nowMs);
      expect(machine.phase).toEqual({ name: 'waiting', fault: problem('busy', 7_000) });
      expect(machine.handle({ type: 'tick' }, nowMs + 6_999)).toEqual([]);
      nowMs += 7_000;
      expect(machine.handle({ type: 'tick' }, nowMs)).toEqual([{ type: 'ask_status' }]);
      run = sends(machine.handle(far.status(), nowMs))[0];
    }
  });

  it('asks the person after maxRetries failures without progress, and goes on when told', () => {
    const { far, machine, effects } = started([fileOf(CHUNK)], { window: 1, maxRetries: 2 });
    let run = sends(effects)[0];
    for (let nowMs = 0; machine.phase.name !== 'stalled'; nowMs += 10_000) {
      expect(nowMs).toBeLessThanOrEqual(20_000);
      if (!run) throw new Error('a run expected');
      machine.handle({ type: 'run_failed', runId: run.runId, fault: problem('internal') }, nowMs);
      machine.handle({ type: 'tick' }, nowMs + 9_000);
      run = sends(machine.handle(far.status(), nowMs + 9_000))[0];
    }
    expect(machine.phase).toEqual({ name: 'stalled', fault: problem('internal') });
    expect(machine.handle({ type: 'tick' }, 1_000_000)).toEqual([]);
    expect(machine.handle({ type: 'resume' }, 1_000_001)).toEqual([{ type: 'ask_status' }]);
  });

  it('takes a server of which nobody hears anything for a line that is away, and goes on when it is back', () => {
    const { far, machine } = started([fileOf(8 * CHUNK)], { window: 1 });
    let askedMs: number | null = null;
    const phases: string[] = [];
    for (let nowMs = 100; nowMs <= 300_000; nowMs += 100) {
      // Silence: no run is answered, and each status is given up after the acknowledgement time-out.
      if (askedMs !== null && nowMs - askedMs >= 10_000) {
        askedMs = null;
        machine.handle({ type: 'status_failed', fault: { kind: 'timeout' } }, nowMs);
      }
      const effects = machine.handle({ type: 'tick' }, nowMs);
      if (effects.some(({ type }) => type === 'ask_status')) askedMs = nowMs;
      if (phases.at(-1) !== machine.phase.name) phases.push(machine.phase.name);
    }
    expect(phases).toEqual(['sending', 'waiting', 'offline']);
    machine.handle(far.status(), 300_001);
    machine.handle({ type: 'tick' }, 306_000);
    machine.handle(far.status(), 306_000);
    expect(machine.phase.name).toBe('sending');
  });

  it('asks the person when chunks get no answer from a server that tells what it has', () => {
    const { far, machine } = started([fileOf(8 * CHUNK)], { window: 1, maxRetries: 3 });
    for (let nowMs = 100; nowMs <= 60_000; nowMs += 100) {
      if (machine.handle({ type: 'tick' }, nowMs).some(({ type }) => type === 'ask_status')) {
        machine.handle(far.status(), nowMs);
      }
    }
    expect(machine.phase).toEqual({ name: 'stalled', fault: { kind: 'timeout' } });
    // Another network may let them through.
    expect(machine.handle({ type: 'network_back' }, 60_100)).toEqual([{ type: 'ask_status' }]);
  });

  it('cuts a run of which nothing moved for the acknowledgement time-out, probing others after 3 s', () => {
    const { machine, effects } = started([fileOf(CHUNK)], { window: 1 });
    const runId = sends(effects)[0]?.runId ?? 0;
    expect(machine.handle({ type: 'tick' }, 2_999)).toEqual([]);
    expect(machine.handle({ type: 'tick' }, 3_000)).toEqual([{ type: 'probe' }]);
    machine.handle({ type: 'run_moved', runId, sentBytes: 100 }, 3_500);
    expect(machine.handle({ type: 'tick' }, 13_499)).not.toContainEqual({ type: 'abort', runId });
    expect(machine.handle({ type: 'tick' }, 13_500)).toContainEqual({ type: 'abort', runId });
  });

  it('leaves a node for another that answered, and asks there first', () => {
    const { machine, effects } = started([fileOf(8 * CHUNK)], { window: 2 });
    const moved = machine.handle({ type: 'moved' }, 3_100);
    expect(moved).toEqual([...sends(effects).map(({ runId }) => ({ type: 'abort', runId })), { type: 'ask_status' }]);
  });

  it('waits twice as long before each further move while nothing is stored, so that a slow line gets somewhere', () => {
    const { far, machine } = started([fileOf(8 * CHUNK)], { window: 1 });
    const probedAt: number[] = [];
    let run: Extract<UploadEffect, { type: 'send' }> | undefined;
    for (let nowMs = 100; nowMs <= 40_000; nowMs += 100) {
      // The line moves a little every five seconds.
      if (run !== undefined && nowMs % 5_000 === 0) {
        machine.handle({ type: 'run_moved', runId: run.runId, sentBytes: nowMs }, nowMs);
      }
      if (!machine.handle({ type: 'tick' }, nowMs).some(({ type }) => type === 'probe')) continue;
      probedAt.push(nowMs);
      machine.handle({ type: 'moved' }, nowMs);
      run = sends(machine.handle(far.status(), nowMs))[0];
    }
    expect(probedAt).toEqual([3_000]);
    if (run === undefined) throw new Error('a run expected');
    machine.handle(far.answer(run), 40_000);
    expect(machine.handle({ type: 'tick' }, 43_000)).toContainEqual({ type: 'probe' });
  });

  it('says that it is moving, not that there is no connection, while another node may take over', () => {
    const { machine, effects } = started([fileOf(8 * CHUNK)], { window: 1, hasOthers: true });
    machine.handle({ type: 'run_failed', runId: sends(effects)[0]?.runId ?? 0, fault: NETWORK }, 10);
    const phases = [machine.phase.name];
    for (let nowMs = 10_000; phases.length < 6; nowMs += 10_000) {
      machine.handle({ type: 'tick' }, nowMs);
      machine.handle({ type: 'status_failed', fault: NETWORK }, nowMs);
      phases.push(machine.phase.name);
    }
    expect(phases).toEqual(['moving', 'moving', 'moving', 'moving', 'offline', 'offline']);
  });

  it('asks again within a second when a node asks for more patience and there are others', () => {
    const { machine, effects } = started([fileOf(8 * CHUNK)], { window: 1, hasOthers: true });
    machine.handle({ type: 'run_failed', runId: sends(effects)[0]?.runId ?? 0, fault: problem('draining', 60_000) }, 0);
    expect(machine.phase.name).toBe('moving');
    expect(machine.handle({ type: 'tick' }, 1_000)).toEqual([{ type: 'ask_status' }]);
  });

  it('looks again when another node answered while runs were still going to the one before', () => {
    const { far, machine, effects } = started([fileOf(8 * CHUNK)], { window: 2, hasOthers: true });
    const [first, second] = sends(effects);
    machine.handle({ type: 'run_failed', runId: first?.runId ?? 0, fault: NETWORK }, 10);
    machine.handle({ type: 'tick' }, 1_000);
    const after = machine.handle(
      { ...(far.status() as Extract<UploadEvent, { type: 'status' }>), hasMoved: true },
      1_010,
    );
    expect(after).toEqual([{ type: 'abort', runId: second?.runId }, { type: 'ask_status' }]);
    expect(sends(machine.handle(far.status(), 1_020))).toHaveLength(2);
    expect(machine.phase.name).toBe('moving');
  });

  it.each([
    ['chunk_conflict', 'failed'],
    ['too_large', 'failed'],
    ['expired', 'ended'],
    ['not_found', 'ended'],
    ['bad_token', 'ended'],
  ] as const)('ends in its own way on %s', (type, phase) => {
    const { machine, effects } = started([fileOf(8 * CHUNK)]);
    const [first, second] = sends(effects);
    const after = machine.handle({ type: 'run_failed', runId: first?.runId ?? 0, fault: problem(type) }, 5);
    expect(machine.phase).toEqual({ name: phase, fault: problem(type) });
    expect(after).toEqual([{ type: 'abort', runId: second?.runId }]);
  });

  it('stops at once when paused, and asks again what is there when resumed', () => {
    const { machine, effects } = started([fileOf(20 * CHUNK)]);
    expect(machine.handle({ type: 'pause' }, 5)).toEqual(sends(effects).map(({ runId }) => ({ type: 'abort', runId })));
    expect(machine.phase).toEqual({ name: 'paused' });
    expect([...machine.map.cells].every((cell) => cell === CELL.waiting)).toBe(true);
    expect(machine.handle({ type: 'tick' }, 60_000)).toEqual([]);
    expect(machine.handle({ type: 'resume' }, 60_000)).toEqual([{ type: 'ask_status' }]);
  });

  it('sends again what a server of a later generation has lost', () => {
    const { far, machine, effects } = started([fileOf(4 * CHUNK)], { window: 1 });
    machine.handle(far.answer(sends(effects)[0] as never), 1);
    const lossy = machineOf([fileOf(8 * CHUNK)], { window: 1 });
    const lossyFar = new FarSide([fileOf(8 * CHUNK)]);
    lossy.handle({ type: 'start' }, 0);
    const [run] = sends(lossy.handle(lossyFar.status(), 0));
    const [next] = sends(lossy.handle(lossyFar.answer(run as never), 10));
    lossy.handle({ type: 'run_failed', runId: next?.runId ?? 0, fault: NETWORK }, 20);
    lossyFar.committed[0]?.delete(1);
    lossyFar.generation = 2;
    lossy.handle({ type: 'tick' }, 10_000);
    const again = sends(lossy.handle(lossyFar.status(), 10_000));
    expect(again[0]?.run).toMatchObject({ firstChunk: 1, endChunk: 2 });
  });

  it('sends a chunk that was heard to be stored and is not, instead of waiting for the seal for ever', () => {
    const { far, machine, effects } = started([fileOf(4 * CHUNK)], { window: 1 });
    // Said by a home that was lost a moment later, and heard after the status of its successor.
    machine.handle({ type: 'committed', fileIndex: 0, ranges: [[0, 4]] }, 1);
    const [run] = sends(effects);
    far.take(run as never, 2);
    const answer = { committed: [[0, 2]] as ChunkRange[], state: 'open' as const, digest: null };
    expect(machine.handle({ type: 'run_answered', runId: run?.runId ?? 0, answer }, 2)).toEqual([
      { type: 'ask_status' },
    ]);
    const again = sends(machine.handle(far.status(), 3));
    expect(again.map((effect) => effect.run)).toMatchObject([{ firstChunk: 2, endChunk: 4 }]);
    machine.handle(far.answer(again[0] as never), 4);
    machine.handle(far.status(), 5);
    expect(machine.phase.name).toBe('sealed');
  });

  it('does not send again what was answered after the status was asked for', () => {
    const { far, machine, effects } = started([fileOf(8 * CHUNK)], { window: 2 });
    const [first, second] = sends(effects);
    machine.handle({ type: 'run_failed', runId: first?.runId ?? 0, fault: NETWORK }, 10);
    expect(machine.handle({ type: 'tick' }, 500)).toEqual([{ type: 'ask_status' }]);
    const early = far.status();
    machine.handle(far.answer(second as never), 501);
    machine.handle({ type: 'committed', fileIndex: 0, ranges: [[0, 8]] }, 502);
    expect(sends(machine.handle(early, 503))).toEqual([]);
    expect(machine.map.storedBytes).toBe(8 * CHUNK);
  });

  it('does not count the bytes of a chunk twice when the socket tells of it first', () => {
    const { machine, effects } = started([fileOf(4 * CHUNK)], { window: 1 });
    const runId = sends(effects)[0]?.runId ?? 0;
    machine.handle({ type: 'run_moved', runId, sentBytes: 3 * CHUNK }, 5);
    machine.handle({ type: 'committed', fileIndex: 0, ranges: [[0, 2]] }, 6);
    expect(machine.map.storedBytes + machine.sentUnansweredBytes).toBe(3 * CHUNK);
  });

  it('ignores a late answer after it was cancelled', () => {
    const { far, machine, effects } = started([fileOf(CHUNK)]);
    machine.handle({ type: 'cancel' }, 1);
    expect(machine.handle(far.answer(sends(effects)[0] as never), 2)).toEqual([]);
    expect(machine.phase.name).toBe('cancelled');
  });
});

/** A plain check: a million of Jest's would take a minute. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}

describe('upload machine under any order of events', () => {
  const filesArbitrary = fc.array(fc.integer({ min: 0, max: 12 * CHUNK }), { minLength: 1, maxLength: 5 });
  const stepArbitrary = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), pick: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), pick: fc.nat(9), committed: fc.nat(4) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('refuse' as const),
        pick: fc.nat(9),
        type: fc.constantFrom<ErrorType>('busy', 'internal', 'superseded', 'disk_full', 'rate_limited', 'unavailable'),
        retryAfterMs: fc.option(fc.integer({ min: 0, max: 20_000 })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom('pause', 'resume', 'network_lost', 'network_back', 'moved') }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 30_000 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('hear' as const), pick: fc.nat(9) }) },
  );

  it('never overfills its window, never sends what is known to be stored, and always seals in the end', () => {
    fc.assert(
      fc.property(
        filesArbitrary,
        fc.array(stepArbitrary, { maxLength: 60 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        (sizes, steps, window, hasOthers) => {
          const files = sizes.map((size) => fileOf(size));
          const far = new FarSide(files);
          const machine = machineOf(files, { window, hasOthers });
          const inFlight = new Map<number, Extract<UploadEffect, { type: 'send' }>>();
          let nowMs = 0;
          let isStatusWanted = false;
          const told = files.map(() => new Set<number>());

          const feed = (event: UploadEvent) => {
            for (const effect of machine.handle(event, nowMs)) {
              if (effect.type === 'ask_status') isStatusWanted = true;
              if (effect.type === 'abort') inFlight.delete(effect.runId);
              if (effect.type !== 'send') continue;
              const { run } = effect;
              must(run.offsetBytes % CHUNK === 0 && run.sizeBytes > 0, 'a run begins at a chunk and is not empty');
              for (let chunk = run.firstChunk; chunk < run.endChunk; chunk++) {
                must(!told[run.fileIndex]?.has(chunk), 'a chunk known to be stored is not sent again');
                for (const { run: other } of inFlight.values()) {
                  const overlaps =
                    other.fileIndex === run.fileIndex && chunk >= other.firstChunk && chunk < other.endChunk;
                  must(!overlaps, 'a chunk is in one run at a time');
                }
              }
              inFlight.set(effect.runId, effect);
            }
            must(inFlight.size <= window, 'the window holds');
            must(machine.runsInFlight === inFlight.size, 'the machine knows its runs');
            const sum = machine.map.storedBytesByFile.reduce((total, bytes) => total + bytes, 0);
            must(machine.map.storedBytes === sum, 'the sums agree');
          };
          const tell = (fileIndex: number, first: number, end: number) => {
            for (let chunk = first; chunk < end; chunk++) told[fileIndex]?.add(chunk);
          };
          const answerStatus = () => {
            if (!isStatusWanted) return;
            isStatusWanted = false;
            far.committed.forEach((chunks, index) => {
              for (const chunk of chunks) told[index]?.add(chunk);
            });
            feed(far.status());
          };
          const picked = (pick: number) => [...inFlight.values()][pick % Math.max(1, inFlight.size)];
          const answer = (effect: Extract<UploadEffect, { type: 'send' }>) => {
            inFlight.delete(effect.runId);
            const event = far.answer(effect);
            tell(effect.run.fileIndex, effect.run.firstChunk, effect.run.endChunk);
            feed(event);
          };

          feed({ type: 'start' });
          for (const step of steps) {
            nowMs += 20;
            if (step.kind === 'wait') {
              nowMs += step.ms;
              feed({ type: 'tick' });
              answerStatus();
            } else if (
              step.kind === 'answer' ||
              step.kind === 'cut' ||
              step.kind === 'refuse' ||
              step.kind === 'hear'
            ) {
              const effect = picked(step.pick);
              if (!effect) continue;
              if (step.kind === 'answer') answer(effect);
              else if (step.kind === 'hear') {
                far.take(effect, 1);
                tell(effect.run.fileIndex, effect.run.firstChunk, effect.run.firstChunk + 1);
                const ranges: ChunkRange[] = [[effect.run.firstChunk, effect.run.firstChunk + 1]];
                feed({ type: 'committed', fileIndex: effect.run.fileIndex, ranges });
              } else {
                inFlight.delete(effect.runId);
                if (step.kind === 'cut') far.take(effect, step.committed);
                const fault = step.kind === 'cut' ? NETWORK : problem(step.type, step.retryAfterMs);
                feed({ type: 'run_failed', runId: effect.runId, fault });
              }
            } else {
              feed({ type: step.kind as 'pause' });
            }
          }
          for (let round = 0; round < 400 && machine.phase.name !== 'sealed'; round++) {
            nowMs += 6_000;
            if (machine.phase.name === 'paused' || machine.phase.name === 'stalled') feed({ type: 'resume' });
            feed({ type: 'tick' });
            answerStatus();
            for (const effect of [...inFlight.values()]) answer(effect);
          }
          expect(machine.phase.name).toBe('sealed');
          expect(far.isSealed).toBe(true);
        },
      ),
      { numRuns: 10_000 },
    );
  }, 120_000);
});

describe('upload machine of a direct send', () => {
  const files = [fileOf(20 * CHUNK)];
  const refusal = (effect: UploadEffect): UploadEvent => ({
    type: 'run_failed',
    runId: effect.type === 'send' ? effect.runId : 0,
    fault: problem('not_accepted'),
  });

  it('sends nothing while nobody has answered, and fills its window when somebody accepts', () => {
    const far = new FarSide(files);
    const machine = machineOf(files, { awaitsAnswer: true });
    expect(machine.handle({ type: 'start' }, 0)).toEqual([]);
    for (let nowMs = 0; nowMs < ASK_AGAIN_MS; nowMs += 100) expect(machine.handle({ type: 'tick' }, nowMs)).toEqual([]);
    expect(machine.phase.name).toBe('asking');
    expect(machine.handle({ type: 'accepted' }, ASK_AGAIN_MS - 1)).toEqual([{ type: 'ask_status' }]);
    expect(sends(machine.handle(far.status(), ASK_AGAIN_MS - 1))).toHaveLength(3);
    expect(machine.phase.name).toBe('sending');
  });

  it('finds out with one run now and then whether somebody has accepted unheard', () => {
    const far = new FarSide(files);
    const machine = machineOf(files, { awaitsAnswer: true });
    machine.handle({ type: 'start' }, 0);
    let runCount = 0;
    for (let nowMs = 0; nowMs < 6 * ASK_AGAIN_MS; nowMs += 100) {
      for (const effect of machine.handle({ type: 'tick' }, nowMs)) {
        if (effect.type !== 'ask_status') continue;
        for (const send of sends(machine.handle(far.status(), nowMs))) {
          runCount++;
          expect(send.run.sizeBytes).toBe(CHUNK);
          machine.handle(refusal(send), nowMs);
        }
      }
      expect(machine.phase.name).toBe('asking');
    }
    expect(runCount).toBe(5);
    machine.handle({ type: 'tick' }, 6 * ASK_AGAIN_MS);
    const [send] = sends(machine.handle(far.status(), 6 * ASK_AGAIN_MS));
    if (!send) throw new Error('nothing was sent');
    expect(sends(machine.handle(far.answer(send), 6 * ASK_AGAIN_MS))).toHaveLength(3);
    expect(machine.phase.name).toBe('sending');
  });

  it('tries again at once when the home hears of the answer later than the page', () => {
    const { far, machine, effects } = started(files);
    machine.handle({ type: 'accepted' }, 0);
    for (const effect of sends(effects)) machine.handle(refusal(effect), 0);
    expect(machine.phase.name).toBe('asking');
    expect(machine.handle({ type: 'tick' }, 1_000)).toEqual([{ type: 'ask_status' }]);
    expect(sends(machine.handle(far.status(), 1_000)).length).toBeGreaterThan(0);
  });

  it.each([
    ['node_lost', { kind: 'problem', type: 'ended', retryAfterMs: null, data: { endReason: 'node_lost' } }],
    ['deleted', null],
  ] as const)('says why it has ended (%s) where that is nobody’s doing', (endReason, fault) => {
    const { far, machine } = started(files);
    const { answer } = far.status() as Extract<UploadEvent, { type: 'status' }>;
    expect(machine.handle({ type: 'transfer_state', state: 'ended' }, 5)).toEqual([{ type: 'ask_status' }]);
    machine.handle({ type: 'status', answer: { ...answer, state: 'ended', endReason } }, 6);
    expect(machine.phase).toEqual({ name: 'ended', fault });
  });

  it('looks at once when the transfer is over while it waits', () => {
    const machine = machineOf(files, { awaitsAnswer: true });
    machine.handle({ type: 'start' }, 0);
    expect(machine.handle({ type: 'transfer_state', state: 'ended' }, 5)).toEqual([{ type: 'ask_status' }]);
  });
});
