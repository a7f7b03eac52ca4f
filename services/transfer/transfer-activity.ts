import { MAX_OPERATOR_TRANSFERS } from '../contracts/limits.ts';
import type { TransferActivity } from '../contracts/operator.ts';
import type { RunningTransfer } from './running-transfer.ts';
import { stripOf } from './transfer-strip.ts';

/** Files whose chunks are counted for one answer: a look once a second must cost a node next to nothing. */
const MAX_FILES_COUNTED = 20_000;

/** What moves here, for an operator: open transfers at home here, and what clients of this node read. */
export function transferActivity(nodeId: string, running: Iterable<RunningTransfer>): readonly TransferActivity[] {
  const moving = [...running].filter(
    (transfer) => clientReaders(transfer) > 0 || (transfer.row.state === 'open' && transfer.row.homeNodeId === nodeId),
  );
  // Those that were used last are the ones that move.
  const shown = moving.sort((a, b) => b.lastUsedMs - a.lastUsedMs).slice(0, MAX_OPERATOR_TRANSFERS);
  let filesLeft = MAX_FILES_COUNTED;
  return shown.map((transfer) => {
    filesLeft -= transfer.files.length;
    const isCounted = transfer.row.homeNodeId === nodeId && filesLeft >= 0;
    return {
      id: transfer.row.id,
      committedBytes: isCounted ? transfer.committedBytes : null,
      strip: isCounted && transfer.row.state === 'open' ? stripOf(transfer.files) : null,
      readerCount: clientReaders(transfer),
    };
  });
}

/** A reader at another node is counted there, whoever gives it the bytes. */
const clientReaders = ({ readers, peerReaders }: RunningTransfer): number => readers - peerReaders;
