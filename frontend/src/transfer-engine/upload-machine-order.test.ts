import { describe, expect, it } from '@jest/globals';
import type { ErrorType } from '../../../services/contracts/errors.ts';
import type { TransferState, TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { ChunkRange, EngineFile } from './chunk-map.ts';
import type { Fault } from './fault.ts';
import type { UploadEffect, UploadEvent } from './upload-events.ts';
import { UploadMachine } from './upload-machine.ts';

const CHUNK = 16 * 1024;
const CHUNKS = 8;
const file = { sizeBytes: CHUNKS * CHUNK, chunkSizeBytes: CHUNK, chunkCount: CHUNKS };
const ACK_TIMEOUT_MS = 10_000;
const MAX_RETRIES = 3;

const problem = (type: ErrorType, retryAfterMs: number | null = null): Fault => ({
  kind: 'problem',
  type,
  retryAfterMs,
});
const status = (committed: readonly ChunkRange[], state: TransferState = 'open'): UploadEvent => {
  const answer: TransferStatusResponse = {
    state,
    generation: 1,
    homeNodeId: 'home',
    recipients: 0,
    files: [{ ...file, index: 0, committed, digest: state === 'sealed' ? 'd'.repeat(64) : null }],
  };
  return { type: 'status', answer };
};
const answered = (runId: number, state: TransferState = 'open'): UploadEvent => ({
  type: 'run_answered',
  runId,
  answer: { committed: [], state, digest: null },
});
const failed = (runId: number, fault: Fault): UploadEvent => ({ type: 'run_failed', runId, fault });

function machineOf(files: readonly EngineFile[], runsAtOnce: number): UploadMachine {
  return new UploadMachine({
    files,
    maxRunBytes: CHUNK,
    window: () => runsAtOnce,
    hasOthers: () => false,
    ackTimeoutMs: ACK_TIMEOUT_MS,
    maxRetries: MAX_RETRIES,
    random: () => 0,
  });
}

/** A machine with two runs of one chunk each in flight, their ids, and what is asked of it from then on. */
function sending() {
  const machine = machineOf([file], 2);
  machine.handle({ type: 'start' }, 0);
  const runIds = machine.handle(status([]), 0).flatMap((effect) => (effect.type === 'send' ? [effect.runId] : []));
  const [first = 0, second = 0] = runIds;
  const kindsAfter = (event: UploadEvent, nowMs: number) => kindsOf(machine.handle(event, nowMs));
  return { machine, first, second, kindsAfter };
}
const kindsOf = (effects: readonly UploadEffect[]) => effects.map(({ type }) => type);

describe('what a person says to an upload', () => {
  it.each(['paused', 'stalled'])('cancels it while it is %s, too', (name) => {
    const { machine, first } = sending();
    machine.handle(name === 'paused' ? { type: 'pause' } : failed(first, { kind: 'unreadable', fileIndex: 0 }), 0);
    expect(machine.phase.name).toBe(name);
    machine.handle({ type: 'cancel' }, 1_000);
    expect(machine.phase.name).toBe('cancelled');
  });

  it('holds although it stopped by itself at that moment', () => {
    const { machine, first } = sending();
    machine.handle(failed(first, { kind: 'unreadable', fileIndex: 0 }), 0);
    machine.handle({ type: 'pause' }, 1_000);
    expect(machine.phase.name).toBe('paused');
  });

  it('changes nothing any more once it is over', () => {
    const { machine, first } = sending();
    machine.handle(answered(first, 'sealed'), 0);
    machine.handle(status([], 'sealed'), 0);
    for (const type of ['pause', 'resume', 'network_lost', 'cancel'] as const) {
      expect(machine.handle({ type }, 1_000)).toEqual([]);
      expect(machine.phase.name).toBe('sealed');
    }
    expect(machine.digests).toEqual(['d'.repeat(64)]);
  });

  it('gives it as many tries as at first when it goes on', () => {
    const { machine, second } = sending();
    const refuse = (runId: number, nowMs: number) => machine.handle(failed(runId, problem('internal')), nowMs);
    refuse(second, 0);
    let nowMs = 0;
    const failAgain = () => {
      nowMs += 60_000;
      machine.handle({ type: 'tick' }, nowMs);
      machine.handle({ type: 'status_failed', fault: problem('internal') }, nowMs);
    };
    for (let tries = 1; tries < MAX_RETRIES; tries += 1) failAgain();
    expect(machine.phase.name).toBe('waiting');
    failAgain();
    expect(machine.phase.name).toBe('stalled');
    machine.handle({ type: 'resume' }, nowMs);
    for (let tries = 0; tries < MAX_RETRIES; tries += 1) {
      failAgain();
      expect(machine.phase.name).toBe('waiting');
    }
    failAgain();
    expect(machine.phase.name).toBe('stalled');
  });
});

describe('what an upload is told at the same time', () => {
  it('that a file cannot be read is not mended by another network', () => {
    const { machine, first } = sending();
    machine.handle(failed(first, { kind: 'unreadable', fileIndex: 0 }), 0);
    expect(machine.handle({ type: 'network_back' }, 1_000)).toEqual([]);
    expect(machine.phase.name).toBe('stalled');
  });

  it('that it has ended is looked up at once, and nothing more is sent', () => {
    const { first, kindsAfter } = sending();
    expect(kindsAfter(answered(first, 'ended'), 100)).toEqual(['ask_status']);
  });

  it('patience that a run was asked for outlasts a status that was asked for before and found no line', () => {
    const { machine, first, kindsAfter } = sending();
    expect(kindsAfter({ type: 'transfer_state', state: 'sealed' }, 0)).toEqual(['ask_status']);
    machine.handle(failed(first, problem('busy', 9_000)), 100);
    machine.handle({ type: 'status_failed', fault: { kind: 'network' } }, 200);
    expect(kindsAfter({ type: 'tick' }, 8_000)).not.toContain('ask_status');
    expect(kindsAfter({ type: 'tick' }, 9_100)).toContain('ask_status');
  });

  it('that all of it is stored and not yet sealed is asked for at a calm pace', () => {
    const { machine, kindsAfter } = sending();
    machine.handle({ type: 'pause' }, 0);
    machine.handle({ type: 'resume' }, 0);
    expect(kindsAfter(status([[0, CHUNKS]]), 0)).toEqual([]);
    expect(kindsAfter({ type: 'tick' }, 100)).toEqual([]);
    expect(kindsAfter({ type: 'tick' }, 125)).toEqual(['ask_status']);
    // Longer each time.
    expect(kindsAfter(status([[0, CHUNKS]]), 125)).toEqual([]);
    expect(kindsAfter({ type: 'tick' }, 250)).toEqual([]);
    expect(kindsAfter({ type: 'tick' }, 375)).toEqual(['ask_status']);
  });
});

describe('a run that stands still', () => {
  /** Both in flight; only the second one moves, a byte a second. */
  const besideOneThatMoves = (untilMs: number) => {
    const { machine, first, second } = sending();
    const effects: UploadEffect[] = [];
    for (let nowMs = 1_000; nowMs <= untilMs; nowMs += 1_000) {
      effects.push(...machine.handle({ type: 'run_moved', runId: second, sentBytes: nowMs }, nowMs));
      effects.push(...machine.handle({ type: 'tick' }, nowMs));
    }
    return { aborted: effects.flatMap((effect) => (effect.type === 'abort' ? [effect.runId] : [])), first };
  };

  it('may be waiting for its turn on a connection while another moves: it gets three times as long, and no longer', () => {
    expect(besideOneThatMoves(3 * ACK_TIMEOUT_MS - 1_000).aborted).toEqual([]);
    const { aborted, first } = besideOneThatMoves(3 * ACK_TIMEOUT_MS);
    expect(aborted).toEqual([first]);
  });

  it('is not kept alive by being told the same again', () => {
    const { machine, first, second } = sending();
    for (const runId of [first, second]) machine.handle({ type: 'run_moved', runId, sentBytes: 5 }, 0);
    for (const runId of [first, second]) machine.handle({ type: 'run_moved', runId, sentBytes: 5 }, 9_000);
    expect(kindsOf(machine.handle({ type: 'tick' }, ACK_TIMEOUT_MS))).toContain('abort');
  });

  it('is not kept alive by what is heard of another file', () => {
    const machine = machineOf([file, file], 1);
    machine.handle({ type: 'start' }, 0);
    machine.handle(status([]), 0);
    const effects: UploadEffect[] = [];
    for (let nowMs = 1_000; nowMs <= 3 * ACK_TIMEOUT_MS; nowMs += 1_000) {
      machine.handle({ type: 'committed', fileIndex: 1, ranges: [[0, 1]] }, nowMs);
      effects.push(...machine.handle({ type: 'tick' }, nowMs));
    }
    expect(kindsOf(effects)).toContain('abort');
  });
});
