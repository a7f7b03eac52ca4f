import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { ManualClock } from '../kernel/clock.ts';
import { createPrometheusMetrics, type MetricSources } from './adapters/prometheus.ts';
import { DirectMeter } from './direct-meter.ts';
import { TrafficMeter } from './traffic-meter.ts';

describe('TrafficMeter', () => {
  it('counts each direction and rates them over the last five seconds', () => {
    const clock = new ManualClock();
    const meter = new TrafficMeter(clock);
    for (let second = 0; second < 20; second += 1) {
      meter.add('in', 1000);
      meter.add('out', 300);
      meter.addPeer(7);
      clock.advance(1000);
      meter.sample();
    }
    expect(meter.read()).toEqual({
      clientBytesIn: 20_000,
      clientBytesOut: 6_000,
      peerBytes: 140,
      bytesInPerSecond: 1000,
      bytesOutPerSecond: 300,
    });
    for (let second = 0; second < 6; second += 1) {
      clock.advance(1000);
      meter.sample();
    }
    expect(meter.read()).toMatchObject({ clientBytesIn: 20_000, bytesInPerSecond: 0, bytesOutPerSecond: 0 });
  });

  it('shows a rate before the first sample', () => {
    const clock = new ManualClock();
    const meter = new TrafficMeter(clock);
    meter.add('out', 500);
    clock.advance(500);
    expect(meter.read().bytesOutPerSecond).toBe(1000);
  });
});

describe('Prometheus', () => {
  const values = {
    in: 11,
    out: 22,
    uploads: 3,
    downloads: 4,
    open: 5,
    single: 6,
    free: 70,
    total: 80,
    delay: 90,
    isLeader: false,
    peer: 100,
    forged: 110,
    state: 'degraded' as const,
    directs: 120,
  };
  const direct = new DirectMeter();
  const sources: MetricSources = {
    traffic: () => ({
      clientBytesIn: values.in,
      clientBytesOut: values.out,
      peerBytes: values.peer,
      bytesInPerSecond: 0,
      bytesOutPerSecond: 0,
    }),
    activity: {
      activeUploads: () => values.uploads,
      activeDownloads: () => values.downloads,
      openTransfers: () => values.open,
      openDirectSends: () => values.directs,
      singleCopyTransfers: () => values.single,
    },
    direct: () => direct.read(),
    nodeState: async () => values.state,
    disk: () => ({ freeBytes: values.free, totalBytes: values.total }),
    eventLoopDelayP99Ms: () => values.delay,
    isLeader: () => values.isLeader,
    busRejections: () => new Map([['forged', values.forged]]),
  };

  it('measures nothing by waking the process again and again', async () => {
    const metrics = createPrometheusMetrics(sources);
    const turnsInHalfASecond = async () => {
      const before = performance.nodeTiming.uvMetricsInfo.loopCount;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return performance.nodeTiming.uvMetricsInfo.loopCount - before;
    };
    // Each 10 ms would be 50.
    const turns = await waitFor('a process that sleeps', 20_000, async () => {
      const turns = await turnsInHalfASecond();
      return turns < 20 ? turns : null;
    });
    expect(turns).toBeLessThan(20);
    const { body } = await metrics.text();
    expect(body).toMatch(/^peerlink_nodejs_heap_size_used_bytes \d/m);
    expect(body).not.toMatch(/eventloop_lag_p99/);
  }, 30_000);

  it('shows what the sources say, at each scrape anew', async () => {
    const metrics = createPrometheusMetrics(sources);
    const lines = async () => (await metrics.text()).body.split('\n');
    const shown = async () => [
      `peerlink_client_bytes_total{direction="in"} ${values.in}`,
      `peerlink_client_bytes_total{direction="out"} ${values.out}`,
      `peerlink_peer_bytes_total ${values.peer}`,
      `peerlink_bus_rejected_total{reason="forged"} ${values.forged}`,
      `peerlink_uploads_active ${values.uploads}`,
      `peerlink_downloads_active ${values.downloads}`,
      `peerlink_transfers_open ${values.open}`,
      `peerlink_transfers_single_copy ${values.single}`,
      `peerlink_direct_sends_open ${values.directs}`,
      `peerlink_direct_bytes_total ${direct.read().receivedBytes}`,
      `peerlink_texts_total ${direct.read().texts}`,
      ...[...direct.read().offers].map(
        ([outcome, count]) => `peerlink_direct_offers_total{outcome="${outcome}"} ${count}`,
      ),
      `peerlink_disk_free_bytes ${values.free}`,
      `peerlink_disk_total_bytes ${values.total}`,
      `peerlink_event_loop_delay_p99_seconds ${values.delay / 1000}`,
      `peerlink_leader ${values.isLeader ? 1 : 0}`,
      `peerlink_node_state{state="${values.state}"} 1`,
    ];
    for (const line of await shown()) expect(await lines()).toContain(line);
    direct.offers('offered', 20);
    direct.offers('offered', 1);
    direct.offers('declined', 2);
    direct.text();
    direct.received(4_096);
    Object.assign(values, {
      directs: 12,
      in: 111,
      out: 222,
      uploads: 33,
      downloads: 44,
      open: 55,
      single: 66,
      free: 77,
      total: 88,
      delay: 99,
      isLeader: true,
      peer: 101,
      forged: 111,
      state: 'healthy',
    });
    for (const line of await shown()) expect(await lines()).toContain(line);
  });

  it('shows no sample of what is not there, instead of 0 or the last one', async () => {
    let disk: { freeBytes: number; totalBytes: number } | null = { freeBytes: 1, totalBytes: 2 };
    let isRedisUp: boolean | null = null;
    const metrics = createPrometheusMetrics({ ...sources, disk: () => disk, isRedisUp: () => isRedisUp });
    const samples = async () => (await metrics.text()).body.match(/^peerlink_(?:redis|disk)\w+ .*$/gm);
    expect(await samples()).toEqual(['peerlink_disk_free_bytes 1', 'peerlink_disk_total_bytes 2']);
    disk = null;
    isRedisUp = false;
    expect(await samples()).toEqual(['peerlink_redis_up 0']);
  });

  it('counts what was checked, mended and found beyond mending apart', async () => {
    const mending = () => ({ scrubbedChunks: 30, repairedChunks: 4, damagedChunks: 1 });
    const { body } = await createPrometheusMetrics({ ...sources, mending }).text();
    expect(body.match(/^peerlink_chunks_\w+ \d+$/gm)?.sort()).toEqual([
      'peerlink_chunks_damaged_total 1',
      'peerlink_chunks_repaired_total 4',
      'peerlink_chunks_scrubbed_total 30',
    ]);
  });

  it('counts requests and sockets', async () => {
    const metrics = createPrometheusMetrics(sources);
    metrics.observeRequest({ route: '/d/:shareId', method: 'GET', status: 200, seconds: 0.02 });
    metrics.socketOpened('control');
    metrics.socketOpened('control');
    metrics.socketClosed('control');
    const { body } = await metrics.text();
    expect(body).toContain(
      'peerlink_http_request_duration_seconds_count{route="/d/:shareId",method="GET",status="200"} 1',
    );
    expect(body).toContain('peerlink_sockets{path="control"} 1');
  });
});
