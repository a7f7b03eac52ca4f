import { typeOfFault } from '../../contracts/errors.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import type { FrameAnswer, ReceivedFrame, ReplicaTransfer } from './ports.ts';

/**
 * "R zeroes a differing CV, then writes bytes, checks the frame's CV, writes the CV, answers, each awaited before the
 * next." Never rejects.
 * @param isPowerSafe `DURABILITY=power`: "fdatasync of bytes and chaining values on both copies before each acknowledgement"
 */
export async function storeFrame(
  transfer: Pick<ReplicaTransfer, 'useFile'>,
  { fileIndex, chunkIndex, value, bytes }: Pick<ReceivedFrame, 'fileIndex' | 'chunkIndex' | 'value' | 'bytes'>,
  isPowerSafe: boolean,
): Promise<FrameAnswer> {
  try {
    const { stored, release } = await transfer.useFile(fileIndex);
    try {
      const held = stored.values.get(chunkIndex);
      if (held === null || !isEqualBytes(held, value)) {
        if (held !== null) await stored.dropChunk(chunkIndex);
        // The value that vouched for other bytes is gone from the medium before they are written over.
        if (held !== null && isPowerSafe) await stored.sync();
        // Without a sync between the bytes and their value both are one job of the pool.
        const written = isPowerSafe
          ? await stored.writeChunk(chunkIndex, bytes)
          : await stored.writeAndCommitChunk(chunkIndex, bytes, value);
        if (!isEqualBytes(written, value)) return { kind: 'failed', reason: 'mismatch' };
        if (isPowerSafe) {
          await stored.sync();
          await stored.commitChunk(chunkIndex, written);
        }
      }
      if (isPowerSafe) await stored.sync();
      return { kind: 'stored' };
    } finally {
      release();
    }
  } catch (fault) {
    return { kind: 'failed', reason: typeOfFault(fault) === 'disk_full' ? 'disk_full' : 'fault' };
  }
}
