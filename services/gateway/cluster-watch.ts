import type { ClusterResponse, PublicNode } from '../contracts/http.ts';

/** A difference of load that is worth telling every page. */
const NOTABLE_LOAD_CHANGE = 0.1;
/** However many clients ask, the service is asked at most this often; short enough for a page that opens just after a change. */
const KEPT_MS = 250;

/** Whether pages that choose a node would choose differently: nodes came, went, changed state or carry much more or less. */
export function isNotableChange(before: ClusterResponse | null, after: ClusterResponse): boolean {
  if (before === null || before.epoch !== after.epoch || before.nodes.length !== after.nodes.length) return true;
  return after.nodes.some((node, index) => isOther(before.nodes[index], node));
}

function isOther(before: PublicNode | undefined, after: PublicNode): boolean {
  return (
    before?.id !== after.id ||
    before.state !== after.state ||
    before.publicUrl !== after.publicUrl ||
    before.isLeader !== after.isLeader ||
    Math.abs(before.load - after.load) >= NOTABLE_LOAD_CHANGE
  );
}

/** The nodes as this gateway last saw them: asked four times a second at most, however many browsers ask. */
export class ClusterWatch {
  readonly #ask: () => Promise<ClusterResponse>;
  readonly #nowMs: () => number;
  #known: ClusterResponse | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<ClusterResponse> | null = null;
  #origins: readonly string[] = [];

  constructor(ask: () => Promise<ClusterResponse>, nowMs: () => number) {
    this.#ask = ask;
    this.#nowMs = nowMs;
  }

  /** At most a quarter of a second old. @throws what the cluster service said */
  async current(): Promise<ClusterResponse> {
    if (this.#known !== null && this.#nowMs() - this.#askedAtMs < KEPT_MS) return this.#known;
    return this.refresh();
  }

  /** As it is now; those who ask meanwhile share the answer. */
  refresh(): Promise<ClusterResponse> {
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** Origins under which browsers reach the nodes: their pages count as ours, and our pages may connect to them. */
  readonly origins = (): readonly string[] => this.#origins;

  async #askOnce(): Promise<ClusterResponse> {
    const askedAtMs = this.#nowMs();
    const found = await this.#ask();
    this.#known = found;
    this.#askedAtMs = askedAtMs;
    this.#origins = [...new Set(found.nodes.flatMap(({ publicUrl }) => (publicUrl === null ? [] : [publicUrl])))];
    return found;
  }
}
