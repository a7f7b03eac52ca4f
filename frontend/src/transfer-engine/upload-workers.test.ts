import { describe, expect, it } from '@jest/globals';
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import type { StoredUpload } from './resume-store.ts';
import { type UploadPace, UploadWorkers } from './upload-workers.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

const clusterOf = (...names: string[]): ClusterResponse => ({
  clusterId: 'x',
  epoch: 1,
  nodes: names.map((id) => ({ id, publicUrl: `http://${id}`, state: 'healthy', isLeader: false, load: 0 })),
});
const paceOf = (cluster: ClusterResponse | null): UploadPace => ({
  window: 4,
  ackTimeoutMs: 1_000,
  maxRetries: 3,
  nodes: { settings: { usesCluster: true, ownAddress: '', ownOrigin: 'http://page', seeds: [] }, cluster },
});
const recordOf = (transferId: string): StoredUpload => ({
  transferId,
  shareId: 's',
  link: 'http://page/d/s',
  uploadToken: 't',
  maxRunBytes: 1,
  savedAtMs: 0,
  expiresAt: '2030-01-01T00:00:00.000Z',
  files: [],
});

class OneWorker {
  onmessage: ((event: { data: FromWorker }) => void) | null = null;
  onerror: (() => void) | null = null;
  isEnded = false;
  readonly told: ToWorker[] = [];

  postMessage(message: ToWorker): void {
    this.told.push(message);
  }
  terminate(): void {
    this.isEnded = true;
  }
  says(data: FromWorker): void {
    this.onmessage?.({ data });
  }
}

function sending() {
  const made: OneWorker[] = [];
  const heard: FromWorker[] = [];
  const lost: string[] = [];
  const workers = new UploadWorkers({
    make: () => {
      const worker = new OneWorker();
      made.push(worker);
      return worker as unknown as Worker;
    },
    heard: (message) => heard.push(message),
    failed: (transferIds) => lost.push(...transferIds),
  });
  const begin = (transferId: string, cluster: ClusterResponse | null) =>
    workers.begin(recordOf(transferId), [], paceOf(cluster), null, false);
  return { workers, made, heard, lost, begin };
}

describe('the workers in which a page sends', () => {
  it('are one for all uploads while the nodes are the same', () => {
    const { workers, made, begin } = sending();
    workers.warmUp();
    begin('a', clusterOf('n1'));
    begin('b', clusterOf('n1'));
    expect(made).toHaveLength(1);
    expect(made[0]?.told.map(({ type }) => type)).toEqual(['begin', 'begin']);
  });

  it('are a new one for what begins when a node has come, and the old one ends with what it has begun', () => {
    const { workers, made, begin } = sending();
    begin('a', clusterOf('n1'));
    begin('b', clusterOf('n1', 'n2'));
    expect(made.map(({ isEnded }) => isEnded)).toEqual([false, false]);
    workers.forget('a');
    expect(made.map(({ isEnded }) => isEnded)).toEqual([true, false]);
    // The newest stays for what comes next.
    workers.forget('b');
    expect(made[1]?.isEnded).toBe(false);
  });

  it('say what has to begin anew so that it may ask the nodes there are now', () => {
    const { workers, made, heard, begin } = sending();
    begin('a', clusterOf('n1'));
    expect(workers.outdated('a')).toBeNull();
    workers.heardCluster(clusterOf('n1', 'n2'));
    expect(workers.outdated('a')).not.toBeNull();
    begin('a', null);
    expect(made[0]?.told.at(-1)).toEqual({ type: 'event', transferId: 'a', event: { type: 'cancel' } });
    expect(made[0]?.isEnded).toBe(true);
    // What the old one still has to say of it is old.
    made[0]?.says({ type: 'snapshot', transferId: 'a', snapshot: {} as never });
    expect(heard).toEqual([]);
  });

  it('take down what they were sending when they break, and are counted while none has said a word', () => {
    const { workers, made, lost, begin } = sending();
    begin('a', null);
    made[0]?.onerror?.();
    expect(lost).toEqual(['a']);
    // Nobody is told to go on with it, or to stop it.
    workers.post({ type: 'event', transferId: 'a', event: { type: 'resume' } });
    expect(made[0]?.told.map(({ type }) => type)).toEqual(['begin']);
    expect(workers.missingCount).toBe(1);
    begin('b', null);
    expect(made).toHaveLength(2);
    made[1]?.says({ type: 'fingerprints', transferId: 'b', marks: [] });
    expect(workers.missingCount).toBe(0);
    made[1]?.onerror?.();
    expect(workers.missingCount).toBe(0);
    expect(lost).toEqual(['a', 'b']);
  });
});
