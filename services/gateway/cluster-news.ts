import type { Logger } from 'pino';
import type { ClusterResponse, NodeState } from '../contracts/http.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import { type ClusterWatch, isNotableChange } from './cluster-watch.ts';

const CLUSTER_CHANGE_EVERY_MS = 1_000;

export interface ClusterNewsDeps {
  readonly cluster: ClusterWatch;
  readonly log: Pick<Logger, 'warn'>;
}

/** Pages that choose a node learn of a drain at once, and of every other notable change within a second. */
export class ClusterNews {
  readonly #deps: ClusterNewsDeps;
  #loop: Loop | undefined;
  #emit: ((found: ClusterResponse) => void) | undefined;
  #told: ClusterResponse | null = null;

  constructor(deps: ClusterNewsDeps) {
    this.#deps = deps;
  }

  /** @param emit to every socket */
  start(emit: (found: ClusterResponse) => void): void {
    this.#emit = emit;
    this.#loop = startLoop(CLUSTER_CHANGE_EVERY_MS, () => this.#tell(), this.#onFault);
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  /**
   * A draining node may be gone within the second of the loop, and its pages would not know why. Asked once every service here
   * has been given the same event: the one that answers may be given it after this one.
   */
  hearState(state: NodeState): void {
    if (state === 'draining') setImmediate(() => void this.#tell().catch(this.#onFault));
  }

  async #tell(): Promise<void> {
    const found = await this.#deps.cluster.refresh();
    if (!isNotableChange(this.#told, found)) return;
    this.#told = found;
    this.#emit?.(found);
  }

  readonly #onFault = (fault: unknown): void => {
    this.#deps.log.warn({ err: fault }, 'pages were not told of the cluster');
  };
}
