/**
 * The workers in which a page sends. One is enough until nodes come that it may not talk to: what begins then begins in
 * a new one, and the old one ends with what it has begun. What makes a worker comes in through a port.
 */
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import { addressesOf } from './node-book.ts';
import type { StoredUpload } from './resume-store.ts';
import type { FromWorker, NodePlan, ToWorker } from './worker-protocol.ts';

export interface UploadPace {
  readonly window: number;
  readonly ackTimeoutMs: number;
  readonly maxRetries: number;
  readonly nodes: NodePlan;
}
export interface BegunUpload {
  readonly files: readonly (File | null)[];
  readonly pace: UploadPace;
}
export interface WorkerPorts {
  readonly make: () => Worker;
  readonly heard: (message: Exclude<FromWorker, { readonly type: 'cluster' }>) => void;
  /** A worker did not load or broke, and with it went what it was sending. */
  readonly failed: (transferIds: readonly string[]) => void;
}

export class UploadWorkers {
  readonly #ports: WorkerPorts;
  /** The one that the next upload begins in. */
  #worker: Worker | null = null;
  /** Addresses of nodes that were known when it was loaded. */
  #allowed: ReadonlySet<string> | null = null;
  readonly #begun = new Map<string, BegunUpload & { readonly worker: Worker }>();
  readonly #haveSpoken = new WeakSet<Worker>();
  #missingCount = 0;
  #cluster: ClusterResponse | null = null;

  constructor(ports: WorkerPorts) {
    this.#ports = ports;
  }

  /** Workers in a row that ended before they said anything: the line is down, or the server has another build now. */
  get missingCount(): number {
    return this.#missingCount;
  }

  /** Loads a worker ahead of the first upload. */
  warmUp(): void {
    this.#workerNow();
  }

  begin(
    record: StoredUpload,
    files: readonly (File | null)[],
    { nodes, ...pace }: UploadPace,
    homeNodeId: string | null,
    awaitsAnswer: boolean,
  ): void {
    const { transferId } = record;
    this.#cluster = nodes.cluster ?? this.#cluster;
    const before = this.#begun.get(transferId)?.worker;
    const worker = this.#workerFor(nodes);
    this.#begun.set(transferId, { worker, files, pace: { nodes, ...pace } });
    // In the same worker the one before gives way by itself.
    if (before && before !== worker) this.#endIn(before, transferId);
    this.post({
      type: 'begin',
      transferId,
      uploadToken: record.uploadToken,
      plan: {
        ...pace,
        files: record.files,
        maxRunBytes: record.maxRunBytes,
        homeNodeId,
        awaitsAnswer,
      },
      nodes: { ...nodes, cluster: this.#cluster },
      files,
      // A file of one chunk is there or not: two versions of it cannot be mixed, and a thousand of them cost much to read.
      unmarkedFiles: record.files.flatMap((file, index) =>
        file.fingerprint === null && file.chunkCount > 1 ? [index] : [],
      ),
    });
  }

  /** To the worker that sends it; to nobody when none does. */
  post(message: Extract<ToWorker, { readonly transferId: string }>): void {
    this.#begun.get(message.transferId)?.worker.postMessage(message);
  }

  /** A file that it was begun with; null when it was begun without, or not at all. */
  fileOf(transferId: string, index: number): File | null {
    return this.#begun.get(transferId)?.files[index] ?? null;
  }

  /** What has to begin anew in a newer worker so that it may ask the nodes that have come meanwhile; null: nothing would change. */
  outdated(transferId: string): BegunUpload | null {
    const begun = this.#begun.get(transferId);
    if (!begun?.pace.nodes.settings.usesCluster) return null;
    return this.#workerFor(begun.pace.nodes) === begun.worker ? null : begun;
  }

  /** It is over. */
  forget(transferId: string): void {
    const worker = this.#begun.get(transferId)?.worker;
    this.#begun.delete(transferId);
    if (worker) this.#endIfIdle(worker);
  }

  /** The nodes as the page heard of them. */
  heardCluster(cluster: ClusterResponse): void {
    this.#cluster = cluster;
    const workers = new Set([...this.#begun.values()].map(({ worker }) => worker));
    for (const worker of workers) worker.postMessage({ type: 'cluster', cluster } satisfies ToWorker);
  }

  #workerNow(): Worker {
    if (!this.#worker) {
      const worker = this.#ports.make();
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#heard(worker, data);
      worker.onerror = () => this.#failed(worker);
      this.#worker = worker;
    }
    return this.#worker;
  }

  /** A worker may talk to the nodes that its policy listed when it was loaded: for newer ones a newer worker. */
  #workerFor({ settings }: NodePlan): Worker {
    const addresses = settings.usesCluster && this.#cluster ? addressesOf(this.#cluster) : [];
    if (this.#worker && this.#allowed && addresses.some((address) => !this.#allowed?.has(address))) {
      this.#retire(this.#worker);
    }
    const worker = this.#workerNow();
    this.#allowed ??= new Set(addresses);
    return worker;
  }

  /** It ends what it has begun. */
  #retire(worker: Worker): void {
    this.#worker = null;
    this.#allowed = null;
    this.#endIfIdle(worker);
  }

  #endIn(worker: Worker, transferId: string): void {
    worker.postMessage({ type: 'event', transferId, event: { type: 'cancel' } } satisfies ToWorker);
    this.#endIfIdle(worker);
  }

  #endIfIdle(worker: Worker): void {
    if (worker !== this.#worker && ![...this.#begun.values()].some((begun) => begun.worker === worker)) {
      worker.terminate();
    }
  }

  #heard(worker: Worker, message: FromWorker): void {
    this.#haveSpoken.add(worker);
    this.#missingCount = 0;
    if (message.type === 'cluster') this.#cluster = message.cluster;
    else if (message.type === 'fingerprints') this.#ports.heard(message);
    // What was begun anew in another worker is told by that one.
    else if (this.#begun.get(message.transferId)?.worker === worker) this.#ports.heard(message);
  }

  #failed(worker: Worker): void {
    worker.terminate();
    if (this.#worker === worker) this.#worker = null;
    if (!this.#haveSpoken.has(worker)) this.#missingCount += 1;
    const lost = [...this.#begun].filter(([, begun]) => begun.worker === worker).map(([transferId]) => transferId);
    for (const transferId of lost) this.#begun.delete(transferId);
    this.#ports.failed(lost);
  }
}
