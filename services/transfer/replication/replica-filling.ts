import { PeerLinkError } from '../../contracts/errors.ts';
import { MIB } from '../../contracts/limits.ts';
import type { HomeSession } from './home-session.ts';
import type { HomeTransfer } from './ports.ts';

/** "At most 4 MiB unanswered per stream." The backlog is one stream; a larger chunk goes alone. */
const UNANSWERED_BYTES = 4 * MIB;

/**
 * One pass over what the home has: sends "those whose CV at r is not H's CV (compared by value, never by presence)".
 * Chunks that are committed meanwhile may be missed.
 * @returns how many were sent and stored
 * @throws unavailable when the replica did not store one, or the session ended
 */
export async function sendMissing(transfer: HomeTransfer, session: HomeSession): Promise<number> {
  const sending = new Set<Promise<void>>();
  let fault: unknown;
  let inFlightBytes = 0;
  let sentCount = 0;
  const start = (fileIndex: number, chunkIndex: number, value: Uint8Array, lengthBytes: number) => {
    inFlightBytes += lengthBytes;
    const one = sendStored(transfer, session, { fileIndex, chunkIndex, value })
      .catch((reason: unknown) => {
        fault ??= reason;
      })
      .finally(() => {
        inFlightBytes -= lengthBytes;
        sending.delete(one);
      });
    sending.add(one);
    sentCount += 1;
  };
  for (let fileIndex = 0; fileIndex < transfer.fileCount; fileIndex += 1) {
    const lengthBytes = transfer.chunkSizeBytes(fileIndex);
    const values = await transfer.values(fileIndex);
    for (const [first, end] of values.ranges()) {
      for (let chunkIndex = first; chunkIndex < end && fault === undefined; chunkIndex += 1) {
        const value = values.get(chunkIndex);
        if (value === null || session.holds(fileIndex, chunkIndex, value)) continue;
        while (inFlightBytes > 0 && inFlightBytes + lengthBytes > UNANSWERED_BYTES) await Promise.race(sending);
        start(fileIndex, chunkIndex, value, lengthBytes);
      }
    }
  }
  await Promise.all(sending);
  if (fault !== undefined) throw fault;
  return sentCount;
}

async function sendStored(
  transfer: HomeTransfer,
  session: HomeSession,
  chunk: { fileIndex: number; chunkIndex: number; value: Uint8Array },
): Promise<void> {
  // Before the read, which costs most: a session that ended sends nothing.
  if (!session.isOpen) throw notFilled();
  const bytes = await transfer.readChunk(chunk.fileIndex, chunk.chunkIndex);
  if ((await session.send({ ...chunk, bytes })) !== 'stored') throw notFilled();
}

function notFilled(): PeerLinkError {
  return new PeerLinkError('unavailable', 'The replica could not be filled.');
}
