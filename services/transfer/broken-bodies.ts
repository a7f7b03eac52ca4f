import type { EndReason } from '../contracts/http.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { StoredTrust } from './stored-trust.ts';

/** What it needs of the engine. */
export interface BrokenBodyPorts {
  readonly nodeId: string;
  readonly trust: Pick<StoredTrust, 'isVerified'>;
  learnFile(transfer: RunningTransfer, file: RunningFile): Promise<void>;
  /** Reads the row with its files, and obeys it. */
  reread(transfer: RunningTransfer): Promise<void>;
  end(transferId: string, reason: EndReason): Promise<void>;
}

/**
 * "A broken one ends the transfer and its readers at once": a body of unknown length broke with the process that received
 * it, or with the home that this node took over from, and nobody can go on with it. Repeatable; for the home.
 * @returns whether it was so. @throws unavailable, and what learning a file throws
 */
export async function endIfBroken(ports: BrokenBodyPorts, transfer: RunningTransfer): Promise<boolean> {
  const isMine = () => transfer.row.state === 'open' && transfer.row.homeNodeId === ports.nodeId;
  const isUnsized = (file: RunningFile) => file.row.sizeBytes === null && !file.hasSequentialBody;
  if (!isMine() || !transfer.files.some(isUnsized)) return false;
  for (const file of transfer.files) if (isUnsized(file)) await ports.learnFile(transfer, file);
  const isBroken = (file: RunningFile) => isUnsized(file) && file.committedChunkCount > 0;
  if (!transfer.files.some(isBroken)) return false;
  // The home before may have sealed it, of which a new home hears with the files only.
  await ports.reread(transfer);
  if (!isMine() || !transfer.files.some(isBroken)) return false;
  await ports.end(transfer.row.id, 'aborted');
  return true;
}

/** The same once a second, for what this node took over; after a boot recovery comes first, and does it too. */
export async function endBroken(ports: BrokenBodyPorts, transfer: RunningTransfer): Promise<void> {
  if (ports.trust.isVerified(transfer)) await endIfBroken(ports, transfer);
}
