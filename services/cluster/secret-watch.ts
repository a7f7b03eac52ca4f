import { createHmac } from 'node:crypto';
import type { Logger } from 'pino';
import type { ClusterRepository, HeldSecret } from './ports.ts';

/** Tells secrets apart, and says nothing of them: 32 hex digits. */
export function secretMark(secret: Uint8Array, clusterId: string): string {
  return createHmac('sha256', secret).update(`secret mark ${clusterId}`).digest('hex').slice(0, 32);
}

/**
 * The cluster's secret is the one that most nodes have; of two that as many have, the one of the node that has been there longest.
 * @returns the nodes that have it, when this one has another; else none
 */
export function nodesWithTheSecret(
  own: Pick<HeldSecret, 'nodeId' | 'secretMark'>,
  held: readonly HeldSecret[],
): readonly string[] {
  const isOwnRow = ({ nodeId, secretMark: mark }: HeldSecret) => nodeId === own.nodeId && mark === own.secretMark;
  const ownHeldMs = held.find(isOwnRow)?.heldMs ?? 0;
  const all = [...held.filter(({ nodeId }) => nodeId !== own.nodeId), { ...own, heldMs: ownHeldMs }];
  const groups = [...new Set(all.map((one) => one.secretMark))].map((mark) => {
    const members = all.filter((one) => one.secretMark === mark);
    return {
      mark,
      nodeIds: members.map(({ nodeId }) => nodeId),
      heldMs: Math.max(...members.map((one) => one.heldMs)),
    };
  });
  groups.sort((a, b) => b.nodeIds.length - a.nodeIds.length || b.heldMs - a.heldMs || (a.mark < b.mark ? -1 : 1));
  const [first] = groups;
  return first === undefined || first.mark === own.secretMark ? [] : first.nodeIds;
}

/**
 * Finds out that this node has another secret than the rest, whose packets and requests it then refuses, as they refuse its own.
 * By the database: what comes over the bus without the right signature may be anybody's.
 */
export class SecretWatch {
  readonly #own: Pick<HeldSecret, 'nodeId' | 'secretMark'>;
  readonly #repository: Pick<ClusterRepository, 'listSecrets'>;
  readonly #nodesOnBus: () => readonly string[];
  readonly #log: Pick<Logger, 'error' | 'info'>;
  #isShared = true;

  /** @param nodesOnBus nodes whose packets this one takes */
  constructor(
    own: Pick<HeldSecret, 'nodeId' | 'secretMark'>,
    repository: Pick<ClusterRepository, 'listSecrets'>,
    nodesOnBus: () => readonly string[],
    log: Pick<Logger, 'error' | 'info'>,
  ) {
    this.#own = own;
    this.#repository = repository;
    this.#nodesOnBus = nodesOnBus;
    this.#log = log;
  }

  /** As of the last look. */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** @throws unavailable */
  async look(): Promise<void> {
    const { nodeId: ownId, secretMark: mark } = this.#own;
    const rows = await this.#repository.listSecrets();
    // They sign with this secret, whatever their rows say: a release without marks leaves those of an earlier secret there.
    const others = new Set(this.#nodesOnBus().filter((nodeId) => nodeId !== ownId));
    const held = rows.map((row) => (others.has(row.nodeId) ? { ...row, secretMark: mark } : row));
    const nodeIds = nodesWithTheSecret(this.#own, held);
    const isShared = nodeIds.length === 0;
    if (isShared === this.#isShared) return;
    this.#isShared = isShared;
    if (isShared) this.#log.info('this node has the secret of the cluster');
    else this.#log.error({ nodeIds }, FOREIGN_TEXT);
  }
}

const FOREIGN_TEXT =
  'CLUSTER_SECRET: this node has another secret than the rest of its cluster, and is not ready: they refuse what it sends, and it ' +
  'refuses theirs. Stop it, give it the CLUSTER_SECRET of the others (none, if they have none), and start it again. To give all of ' +
  'them another one, stop all first';
