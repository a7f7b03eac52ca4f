import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../kernel/clock.ts';
import { FlowMeter } from './flow-meter.ts';

function world() {
  const clock = new ManualClock();
  const meter = new FlowMeter('here', clock);
  /** So many seconds, in each of which so many bytes go to and come from a node. */
  const run = (seconds: number, nodeId = 'there', to = 0, from = 0) => {
    for (let second = 0; second < seconds; second += 1) {
      meter.add(nodeId, 'to', to);
      meter.add(nodeId, 'from', from);
      clock.advance(1_000);
      meter.sample();
    }
  };
  return { clock, meter, run };
}

describe('flows between nodes', () => {
  it('are told by direction, as means over five seconds, and not at all when nothing flows', () => {
    const { meter, run } = world();
    expect(meter.flows()).toEqual([]);
    run(7, 'there', 1_000, 300);
    expect(meter.flows()).toEqual([
      { fromNodeId: 'here', toNodeId: 'there', bytesPerSecond: 1_000 },
      { fromNodeId: 'there', toNodeId: 'here', bytesPerSecond: 300 },
    ]);
    run(2);
    expect(meter.flows().map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([600, 180]);
    run(5);
    expect(meter.flows()).toEqual([]);
  });

  it('of several nodes are kept apart, and show before the first five seconds are over', () => {
    const { meter, run } = world();
    run(1, 'a', 500);
    run(1, 'b', 0, 700);
    expect(meter.flows()).toEqual([
      { fromNodeId: 'here', toNodeId: 'a', bytesPerSecond: 250 },
      { fromNodeId: 'b', toNodeId: 'here', bytesPerSecond: 350 },
    ]);
  });

  it('of more nodes than any cluster has forget the ones met first', () => {
    const { meter, run } = world();
    for (let node = 0; node < 1_000; node += 1) meter.add(`node-${node}`, 'to', 10);
    run(1, 'node-999');
    expect(meter.flows()).toHaveLength(256);
    expect(meter.flows().at(-1)?.toNodeId).toBe('node-999');
  });
});
