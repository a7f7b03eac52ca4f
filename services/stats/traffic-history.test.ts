import { describe, expect, it } from '@jest/globals';
import type { TrafficSample } from './ports.ts';
import {
  HISTORY_STEPS,
  historyOf,
  historyWindow,
  SAMPLES_KEPT_MS,
  STEP_MS,
  TrafficRecorder,
} from './traffic-history.ts';

const START = Date.UTC(2026, 0, 1);
const totals = (clientBytesIn: number, clientBytesOut = 0, peerBytes = 0) => ({
  clientBytesIn,
  clientBytesOut,
  peerBytes,
});

describe('TrafficRecorder', () => {
  it('cuts totals into steps of ten seconds, also quiet ones', () => {
    const recorder = new TrafficRecorder('n1', 'r1', START + 3_000);
    recorder.tick(START + 9_999, totals(50));
    expect(recorder.unsaved()).toEqual([]);
    recorder.tick(START + 10_100, totals(70, 7, 1));
    recorder.tick(START + 20_000, totals(70, 7, 1));
    recorder.finish(totals(75, 9, 1));
    expect(recorder.unsaved()).toEqual([
      { nodeId: 'n1', runId: 'r1', atMs: START, ...totals(70, 7, 1) },
      { nodeId: 'n1', runId: 'r1', atMs: START + STEP_MS, ...totals(0) },
      { nodeId: 'n1', runId: 'r1', atMs: START + 2 * STEP_MS, ...totals(5, 2) },
    ]);
  });

  it('keeps what was not saved, and no more than the database would', () => {
    const recorder = new TrafficRecorder('n1', 'r1', START);
    recorder.tick(START + STEP_MS, totals(1));
    const first = recorder.unsaved();
    recorder.tick(START + 2 * STEP_MS, totals(3));
    recorder.saved(first);
    expect(recorder.unsaved().map(({ clientBytesIn }) => clientBytesIn)).toEqual([2]);
    for (let step = 3; step < 1_000; step += 1) recorder.tick(START + step * STEP_MS, totals(step));
    expect(recorder.unsaved()).toHaveLength(SAMPLES_KEPT_MS / STEP_MS);
    expect(recorder.unsaved().at(-1)?.atMs).toBe(START + 998 * STEP_MS);
  });
});

describe('TrafficRecorder, on a clock that is set back', () => {
  it('goes on with the steps of that clock, and each byte is in one of them', () => {
    const recorder = new TrafficRecorder('n1', 'r1', START);
    recorder.tick(START - 3_600_000, totals(5));
    recorder.tick(START - 3_600_000 + STEP_MS, totals(7));
    expect(recorder.unsaved().map(({ atMs, clientBytesIn }) => [atMs, clientBytesIn])).toEqual([
      [START, 5],
      [START - 3_600_000, 2],
    ]);
  });
});

describe('historyOf', () => {
  const toMs = START + 900_000;
  const sample = (nodeId: string, atMs: number, bytes: number, runId = 'r'): TrafficSample => ({
    nodeId,
    runId,
    atMs,
    ...totals(bytes, 2 * bytes, 3 * bytes),
  });

  it('has every step of 15 minutes for each node and for all, with the runs of a node added up', () => {
    const history = historyOf(
      [
        sample('b', toMs - STEP_MS, 5),
        sample('a', START, 1),
        sample('a', toMs - STEP_MS, 10),
        sample('a', toMs - STEP_MS, 20, 'second run'),
      ],
      toMs,
    );
    expect(history).toMatchObject({ endsAt: new Date(toMs).toISOString(), stepSeconds: 10 });
    expect(history.nodes.map(({ nodeId }) => nodeId)).toEqual(['a', 'b']);
    for (const series of [history.total, ...history.nodes]) expect(series.clientBytesIn).toHaveLength(HISTORY_STEPS);
    const [a, b] = history.nodes;
    expect([a?.clientBytesIn[0], a?.clientBytesIn.at(-1), b?.clientBytesIn.at(-1)]).toEqual([1, 30, 5]);
    expect(
      [history.total.clientBytesIn, history.total.clientBytesOut, history.total.peerBytes].map((s) => s.at(-1)),
    ).toEqual([35, 70, 105]);
    expect(history.total.clientBytesIn.reduce((sum, bytes) => sum + bytes)).toBe(36);
  });

  it('shows 256 nodes at most, and counts the bytes of all', () => {
    const many = Array.from({ length: 300 }, (_, index) => sample(`n${index}`, START, 1));
    const { nodes, total } = historyOf(many, toMs);
    expect([nodes.length, total.clientBytesIn[0]]).toEqual([256, 300]);
  });

  it('leaves out what is outside', () => {
    const { total } = historyOf([sample('a', START - 1, 1), sample('a', toMs, 1)], toMs);
    expect(new Set(total.clientBytesIn)).toEqual(new Set([0]));
  });

  it('looks at steps that every node has had the time to write', () => {
    expect(historyWindow(toMs + 4_999)).toEqual({ fromMs: START - STEP_MS, toMs: toMs - STEP_MS });
    expect(historyWindow(toMs + 5_000)).toEqual({ fromMs: START, toMs });
  });
});
