import { ORPHAN_BYTES_KEPT_MS } from '../contracts/limits.ts';
import { inBatches } from '../kernel/batches.ts';
import type { ChunkStore, FileFate, TransferRepository } from './ports.ts';

const BATCH = 500;
/** Each may cost a question to its home; the next sweep goes on. */
const MAX_COPIES_RELEASED = 1_000;

export interface SweepReport {
  readonly removedCount: number;
  /** Copies that no row named any more and that their home can do without. */
  readonly releasedCount: number;
  readonly setAsideCount: number;
  readonly purgedCount: number;
}

export interface SweepPorts {
  readonly nodeId: string;
  readonly store: ChunkStore;
  readonly repository: Pick<TransferRepository, 'fateOfFiles'>;
  /**
   * Asks the home whether as many nodes as asked for hold everything. Answers the epoch under which that is so; null: it
   * is not, or the home does not say.
   */
  readonly confirm: (fate: FileFate) => Promise<number | null>;
  /**
   * Runs `act` while nobody uses the stored file and nobody can begin to. False when somebody does, else what `act` said.
   */
  readonly whileUnused: (fileId: string, act: () => Promise<boolean>) => Promise<boolean>;
  /** The node stops: a large store takes longer than that may. The next process goes on. */
  readonly isClosed: () => boolean;
}

/**
 * "Ended: unlink; not named by the row: unlink once its home confirms that as many nodes as asked for are complete, else
 * keep; no row: set aside 7 days." Repeatable. A file made after the listing began has a row by then, so a young file is
 * never mistaken for an orphan.
 */
export async function sweepStore(ports: SweepPorts): Promise<SweepReport> {
  const { store } = ports;
  const report = { removedCount: 0, releasedCount: 0, setAsideCount: 0 };
  const asked: Asked = { epochs: new Map(), silentHomes: new Set() };
  for await (const fileIds of inBatches(store.list(), BATCH)) {
    if (ports.isClosed()) break;
    const fates = await ports.repository.fateOfFiles(fileIds);
    for (const fileId of fileIds) {
      if (ports.isClosed()) break;
      const fate = fates.get(fileId);
      if (fate === undefined) {
        await store.setAside(fileId);
        report.setAsideCount += 1;
      } else if (fate.fate === 'ended') {
        await store.remove(fileId);
        report.removedCount += 1;
      } else if (!isNamed(ports.nodeId, fate) && report.releasedCount < MAX_COPIES_RELEASED) {
        if (await releaseCopy(ports, fileId, fate, asked)) report.releasedCount += 1;
      }
    }
  }
  const purgedCount = ports.isClosed() ? 0 : await store.purgeSetAside(ORPHAN_BYTES_KEPT_MS);
  return { ...report, purgedCount };
}

/** What homes said in one sweep. A home that does not answer is not waited for a thousand times. */
interface Asked {
  readonly epochs: Map<string, number | null>;
  readonly silentHomes: Set<string>;
}

function isNamed(nodeId: string, fate: FileFate): boolean {
  return fate.homeNodeId === nodeId || fate.replicaNodeId === nodeId;
}

/**
 * What the home confirmed holds for one epoch. So the row is read once more while the file is locked: an attach to this
 * very node raises the epoch first, and a session that begins later waits for the lock and finds nothing stored here.
 */
async function releaseCopy(ports: SweepPorts, fileId: string, fate: FileFate, asked: Asked): Promise<boolean> {
  const { transferId, homeNodeId } = fate;
  let epoch = asked.epochs.get(transferId);
  if (epoch === undefined) {
    if (asked.silentHomes.has(homeNodeId)) return false;
    epoch = await ports.confirm(fate).catch(() => {
      asked.silentHomes.add(homeNodeId);
      return null;
    });
    asked.epochs.set(transferId, epoch);
  }
  if (epoch === null) return false;
  return ports.whileUnused(fileId, async () => {
    const now = (await ports.repository.fateOfFiles([fileId])).get(fileId);
    if (now === undefined || now.epoch !== epoch || isNamed(ports.nodeId, now)) return false;
    await ports.store.remove(fileId);
    return true;
  });
}
