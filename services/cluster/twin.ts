import type { NodeRow } from './ports.ts';

/** A node that runs announces itself every 10 s: one that has been silent for longer than three of these is gone. */
const SEEN_WITHIN_MS = 30_000;

/**
 * Two processes with one node id, on a data directory and its copy, would both commit to the same transfers, each to a
 * disk of its own. The lock is the directory's and does not see a copy, and the bus takes another run's packets for this
 * node's past. So a node that was seen just now at another address is asked there, once, before anybody is told of this one.
 * @param reaches whether a process with a node's id, of this cluster, answers at the address of its row
 * @returns what is wrong, for the operator; null: nothing
 */
export async function twinFault(
  own: { readonly nodeId: string; readonly peerUrl: string; readonly directory: string },
  listNodes: () => Promise<readonly NodeRow[]>,
  reaches: (nodeId: string) => Promise<boolean>,
): Promise<string | null> {
  const last = (await listNodes()).find(({ id }) => id === own.nodeId);
  // At this very address nobody else can be: the port was free.
  if (last === undefined || last.peerUrl === own.peerUrl) return null;
  if (last.state === 'left' || last.unseenMs > SEEN_WITHIN_MS || !(await reaches(own.nodeId))) return null;
  return `another process runs as this node (${own.nodeId}) at ${last.peerUrl}: ${own.directory} is a copy of its data directory. Stop that process, or set DATA_DIR to an empty directory`;
}
