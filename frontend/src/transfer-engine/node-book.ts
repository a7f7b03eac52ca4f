/** What this page knows of the nodes, and which of them a transfer goes to. No requests of its own. */
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import { isLeaving, isServing, OWN, rankAddresses } from './node-choice.ts';

export interface NodeSettings {
  /** Whether nodes may be reached by their own addresses; else only by the page's origin. */
  readonly usesCluster: boolean;
  /** What requests to the page's own origin begin with: empty, or another origin that the page was built to ask. */
  readonly ownAddress: string;
  /** That origin. */
  readonly ownOrigin: string;
  /** Addresses to begin with. */
  readonly seeds: readonly string[];
}

/** A node that did not answer is asked last for this long. */
const LOST_FOR_MS = 15_000;

/** The way to one transfer: its home changes, and so does what is best. */
export interface NodeRoute {
  /** Addresses that take the transfer's chunks, the best first; never empty. */
  ranked(): readonly string[];
  /** Whether new runs should go elsewhere: the node drains, has gone, or did not answer just now. */
  isAvoided(address: string): boolean;
  /** The home's own address where that is the way to go; null when there is none, or it leaves or did not answer. */
  homeAddress(): string | null;
  /** Besides the node that runs go to there is another that serves, perhaps behind the same address. */
  hasOthers(): boolean;
  /** It did not answer. */
  lost(address: string): void;
  learnHome(nodeId: string): void;
}

export class NodeBook {
  readonly #nowMs: () => number;
  readonly #roundTripMs = new Map<string, number>();
  readonly #lostAtMs = new Map<string, number>();
  #settings: NodeSettings = { usesCluster: false, ownAddress: '', ownOrigin: '', seeds: [] };
  /** A worker may only talk to the addresses that its policy lists: those known when it began. */
  #reachable: ReadonlySet<string> | null = null;
  #cluster: ClusterResponse | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get usesCluster(): boolean {
    return this.#settings.usesCluster;
  }

  get ownAddress(): string {
    return this.#settings.ownAddress;
  }

  configure(settings: NodeSettings, cluster: ClusterResponse | null): void {
    this.#settings = settings;
    if (cluster === null) return;
    this.#reachable ??= new Set(addressesOf(cluster));
    this.learn(cluster);
  }

  learn(cluster: ClusterResponse): void {
    this.#cluster = cluster;
    this.#reachable ??= new Set(addressesOf(cluster));
    // An address that is no node's any more is not remembered.
    const known = new Set([OWN, ...this.#settings.seeds, ...addressesOf(cluster)]);
    for (const map of [this.#roundTripMs, this.#lostAtMs]) {
      for (const address of map.keys()) if (!known.has(address)) map.delete(address);
    }
  }

  measured(address: string, roundTripMs: number): void {
    this.#roundTripMs.set(address, roundTripMs);
  }

  /** Addresses worth measuring: of serving nodes, and the page's own. */
  measurable(): readonly string[] {
    return this.#ranked(null).filter((address) => !isLeaving(address, this.#knowledge(null)));
  }

  routeTo(homeNodeId: string | null): NodeRoute {
    let home = homeNodeId;
    return {
      ranked: () => this.#ranked(home),
      isAvoided: (address) => this.#isLost(address) || isLeaving(address, this.#knowledge(home)),
      homeAddress: () => this.#homeAddress(home),
      hasOthers: () => {
        // A node that is stuck may have left the list already: the one that serves is then the other.
        const nodes = this.#cluster?.nodes ?? [];
        return nodes.length > 1 && nodes.some(isServing);
      },
      lost: (address) => void this.#lostAtMs.set(address, this.#nowMs()),
      learnHome: (nodeId) => {
        home = nodeId;
      },
    };
  }

  #ranked(homeNodeId: string | null): readonly string[] {
    if (!this.#settings.usesCluster) return [OWN];
    const ranked = rankAddresses(this.#knowledge(homeNodeId));
    return [
      ...ranked.filter((address) => !this.#isLost(address)),
      ...ranked.filter((address) => this.#isLost(address)),
    ];
  }

  #homeAddress(homeNodeId: string | null): string | null {
    if (!this.#settings.usesCluster) return null;
    const { nodes, ownOrigin } = this.#knowledge(homeNodeId);
    const home = nodes.find(({ id }) => id === homeNodeId);
    if (home === undefined || home.publicUrl === null || !isServing(home)) return null;
    const address = home.publicUrl === ownOrigin ? OWN : home.publicUrl;
    return this.#isLost(address) ? null : address;
  }

  #isLost(address: string): boolean {
    const atMs = this.#lostAtMs.get(address);
    return atMs !== undefined && this.#nowMs() - atMs < LOST_FOR_MS;
  }

  #knowledge(homeNodeId: string | null) {
    const nodes = (this.#cluster?.nodes ?? []).map((node) =>
      node.publicUrl === null || this.#reachable?.has(node.publicUrl) === true ? node : { ...node, publicUrl: null },
    );
    const { ownOrigin, seeds } = this.#settings;
    return { nodes, homeNodeId, ownOrigin, seeds, roundTripMs: this.#roundTripMs };
  }
}

export function addressesOf(cluster: ClusterResponse): readonly string[] {
  return cluster.nodes.flatMap(({ publicUrl }) => (publicUrl === null ? [] : [publicUrl]));
}
