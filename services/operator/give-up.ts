import { PeerLinkError } from '../contracts/errors.ts';
import type { NodeState } from '../contracts/http.ts';
import type { GiveUpResponse, LossCounts } from '../contracts/operator.ts';

/** A node that lives writes its row every 10 s: two were missed. As long as it takes the leader to say that it left. */
const UNSEEN_SECONDS = 30;

/** A node that is silent is gone from the bus after 4 to 8 s. */
const BUS_FORGETS_SECONDS = 10;

/** A node's row, as far as it matters here. */
export interface NodeRowLeft {
  readonly id: string;
  readonly state: NodeState;
  readonly unseenMs: number;
  readonly isGivenUp: boolean;
}

export interface GiveUpPorts {
  readonly nodeId: string;
  /** Every node there is. @throws unavailable */
  readonly rows: () => Promise<readonly NodeRowLeft[]>;
  /** Nodes that answer the bus. */
  readonly answering: () => readonly string[];
  /** Whether any other node that answers reaches the data port of this one, or cannot say. */
  readonly isReached: (nodeId: string) => Promise<boolean>;
  /** @throws unavailable */
  readonly losses: (nodeId: string) => Promise<LossCounts>;
  /** @returns since when it is given up; null: it was seen within these seconds after all. @throws unavailable */
  readonly record: (nodeId: string, notSeenForSeconds: number) => Promise<Date | null>;
  /** Told of each time that it is confirmed, with the time of the first. */
  readonly onGivenUp: (nodeId: string, since: Date) => void;
  /** Ends what is open and lost. @throws unavailable */
  readonly endOpen: () => Promise<unknown>;
}

/**
 * An operator gives up on a node that is gone for good. Unconfirmed it only tells what that costs; a node that may live is
 * refused either way. It holds until the node is seen again. Repeatable.
 * @throws not_found, node_alive, unavailable
 */
export async function giveUp(ports: GiveUpPorts, nodeId: string, isConfirmed: boolean): Promise<GiveUpResponse> {
  const row = await rowOf(ports, nodeId);
  await assertGone(ports, row);
  if (!isConfirmed) return { nodeId, isGivenUp: row.isGivenUp, ...(await ports.losses(nodeId)) };
  const since = await ports.record(nodeId, UNSEEN_SECONDS);
  if (since === null) throw seenLately(nodeId, 0);
  // It holds from here on, whatever becomes of this call.
  ports.onGivenUp(nodeId, since);
  await ports.endOpen();
  return { nodeId, isGivenUp: true, ...(await ports.losses(nodeId)) };
}

async function rowOf(ports: GiveUpPorts, nodeId: string): Promise<NodeRowLeft> {
  const row = (await ports.rows()).find(({ id }) => id === nodeId);
  if (row === undefined) throw new PeerLinkError('not_found', 'There is no such node.');
  return row;
}

async function assertGone(ports: GiveUpPorts, { id, state, unseenMs }: NodeRowLeft): Promise<void> {
  if (id === ports.nodeId) throw alive(`Node ${id} is the one you ask. It lives: drain it instead.`);
  // Of one that was killed the bus hears a few seconds later.
  const isOnBus = ports.answering().includes(id);
  if (isOnBus && (await ports.isReached(id))) throw alive(`Node ${id} answers. It lives: drain it instead.`);
  if (state !== 'left' && unseenMs <= UNSEEN_SECONDS * 1000) throw seenLately(id, unseenMs);
  if (isOnBus) throw stillOnBus(id);
  if (await ports.isReached(id)) throw alive(`Node ${id} answers another node, or that could not be found out.`);
}

function seenLately(nodeId: string, unseenMs: number): PeerLinkError {
  const waitSeconds = Math.max(1, Math.ceil(UNSEEN_SECONDS - unseenMs / 1000));
  return alive(
    `Node ${nodeId} was seen ${Math.round(unseenMs / 1000)} s ago. Ask again in ${waitSeconds} s.`,
    waitSeconds,
  );
}

function stillOnBus(nodeId: string): PeerLinkError {
  const message = `Node ${nodeId} was just heard on the bus, but nobody reaches it. Ask again in ${BUS_FORGETS_SECONDS} s.`;
  return alive(message, BUS_FORGETS_SECONDS);
}

function alive(message: string, retryAfterSeconds?: number): PeerLinkError {
  return new PeerLinkError('node_alive', message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}
