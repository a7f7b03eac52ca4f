import { describe, expect, it } from '@jest/globals';
import { type StateHarness, unique } from './state-harness.ts';

/** What every SampleRepository does, whatever it stands on. */
export function describeSampleRepository(make: () => StateHarness): void {
  const sampleOf = (nodeId: string, atMs: number, clientBytesIn = 1) => ({
    nodeId,
    runId: 'r1',
    atMs,
    clientBytesIn,
    clientBytesOut: 2 ** 45,
    peerBytes: 0,
  });
  const stepMs = 10_000;
  const nowMs = () => Math.floor(Date.now() / stepMs) * stepMs;
  const of = async (nodeId: string, fromMs: number, toMs: number) =>
    (await make().samples.between(fromMs, toMs)).filter((sample) => sample.nodeId === nodeId);

  describe('traffic samples', () => {
    it('come back as they were, and a repeated one changes nothing', async () => {
      const nodeId = unique('node');
      const [first, second] = [sampleOf(nodeId, nowMs() - stepMs), sampleOf(nodeId, nowMs(), 7)];
      await make().samples.add([first], 60_000);
      await make().samples.add([{ ...first, clientBytesIn: 99 }, second], 60_000);
      await make().samples.add([], 60_000);
      const found = await of(nodeId, nowMs() - 10 * stepMs, nowMs() + stepMs);
      expect(found.sort((a, b) => a.atMs - b.atMs)).toEqual([first, second]);
    });

    it('are found from the first moment on, without the last', async () => {
      const nodeId = unique('node');
      const atMs = nowMs();
      await make().samples.add([sampleOf(nodeId, atMs - stepMs), sampleOf(nodeId, atMs)], 60_000);
      expect((await of(nodeId, atMs - stepMs, atMs)).map((sample) => sample.atMs)).toEqual([atMs - stepMs]);
    });

    it('are forgotten by whoever adds later, of every node', async () => {
      const [old, young] = [unique('node'), unique('node')];
      const longAgoMs = nowMs() - 3_600_000;
      await make().samples.add([sampleOf(old, longAgoMs)], 7_200_000);
      await make().samples.add([sampleOf(young, nowMs())], 1_200_000);
      expect(await of(old, 0, nowMs() + stepMs)).toEqual([]);
      expect(await of(young, 0, nowMs() + stepMs)).toHaveLength(1);
    });
  });
}
