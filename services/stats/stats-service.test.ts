import { describe, expect, it } from '@jest/globals';
import type { StatsResponse } from '../contracts/http.ts';
import { systemClock } from '../kernel/clock.ts';
import type { TrafficSample } from './ports.ts';
import { type StatsServiceDeps, statsService } from './stats.service.ts';
import { TrafficRecorder } from './traffic-history.ts';
import { TrafficMeter } from './traffic-meter.ts';

/** The service of one of two nodes, of which the other does not answer, and what it saves. */
function serviceOf() {
  const meter = new TrafficMeter(systemClock);
  const seen = { isAway: false, saved: [] as TrafficSample[], faults: 0 };
  const unlessAway = async <T>(value: () => T): Promise<T> => {
    if (seen.isAway) throw new Error('away');
    return value();
  };
  const service = statsService({
    nodeId: 'n1',
    meter,
    recorder: new TrafficRecorder('n1', 'r1', systemClock.now()),
    samples: {
      add: (samples: readonly TrafficSample[]) => unlessAway(() => void seen.saved.push(...samples)),
      between: () => unlessAway(() => []),
    },
    clock: systemClock,
    activity: { activeUploads: () => 0, activeDownloads: () => 0, openTransfers: () => 0 },
    socketCount: () => 0,
    nodeIds: () => ['n1', 'n2'],
    call: () => Promise.reject(new Error('no answer')),
    onFault: () => {
      seen.faults += 1;
    },
  } as unknown as StatsServiceDeps);
  const { cluster } = service.actions as unknown as { cluster: { handler: () => Promise<StatsResponse> } };
  return { meter, seen, cluster: cluster.handler, stop: service.stopped as () => Promise<void> };
}

describe('the stats of a cluster', () => {
  it('are those of the nodes that answer, without a history while the database is away', async () => {
    const { seen, cluster } = serviceOf();
    seen.isAway = true;
    const { nodes, history } = await cluster();
    expect([nodes.map(({ nodeId }) => nodeId), history, seen.faults]).toEqual([['n1'], null, 1]);
  });

  it('are asked to be saved again when the database did not take them', async () => {
    const { meter, seen, stop } = serviceOf();
    meter.add('in', 7);
    seen.isAway = true;
    await stop();
    expect([seen.saved, seen.faults]).toEqual([[], 1]);
    seen.isAway = false;
    await stop();
    expect(seen.saved[0]).toMatchObject({ nodeId: 'n1', runId: 'r1', clientBytesIn: 7 });
  });
});
