import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import type { NetIo } from '../../native/types.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_SLOTS } from '../contracts/limits.ts';
import { randomId } from '../kernel/ids.ts';
import { folderFault } from './folder-faults.ts';
import { type SocketLock, takeSocketLock } from './socket-lock.ts';
import { codeOf } from './system-faults.ts';

export interface TakeDataDirectoryOptions {
  /** DATA_DIR; made when it is not there. */
  readonly directory: string;
  /** `single`: the first slot or nothing. `many`: the first free slot, as replicas on one volume want it. */
  readonly slots: 'single' | 'many';
  readonly netIo: Pick<NetIo, 'kernels' | 'lockFile'>;
  /** The machine's, by default: it changes with each boot. */
  readonly bootId?: string;
}

/** A node's own folder, until `release` or the end of the process. */
export interface DataDirectory {
  /** `<directory>/node-0`, ... */
  readonly path: string;
  /** Made once per folder and kept for ever. */
  readonly nodeId: string;
  /** Whether the machine has not booted since `confirmBoot` (or the folder is new): the page cache lost nothing. */
  readonly isSameBoot: boolean;
  /** Remembers the cluster the first time. Throws `unavailable` when the folder belongs to another one. */
  bindCluster(clusterId: string): Promise<void>;
  /** Called once what may have been lost with the machine was verified; until then each start finds another boot. */
  confirmBoot(): Promise<void>;
  release(): Promise<void>;
}

interface NodeFile {
  readonly nodeId: string;
  readonly clusterId: string | null;
  readonly bootId: string;
}

const NODE_ID_LENGTH = 12;

/**
 * Throws `unavailable` with a text for the operator when every slot it may have is taken, its node.json is damaged, or the
 * file system refuses.
 */
export async function takeDataDirectory(options: TakeDataDirectoryOptions): Promise<DataDirectory> {
  try {
    return await takeSlot(options);
  } catch (fault) {
    throw await folderFault(fault, options.directory);
  }
}

async function takeSlot(options: TakeDataDirectoryOptions): Promise<DataDirectory> {
  const slotCount = options.slots === 'single' ? 1 : MAX_SLOTS;
  for (let slot = 0; slot < slotCount; slot += 1) {
    const folder = path.join(options.directory, `node-${slot}`);
    await makeFolder(folder);
    const release = await takeLocks(folder, options.netIo);
    if (release === null) continue;
    try {
      return await describe(folder, options.bootId ?? readBootId(), release);
    } catch (fault) {
      await release();
      throw fault;
    }
  }
  throw new PeerLinkError(
    'unavailable',
    options.slots === 'single'
      ? `the data directory is in use by another PeerLink process; stop that one or set DATA_DIR to another directory (this is ${options.directory})`
      : `all ${MAX_SLOTS} slots of the data directory ${options.directory} are in use by other PeerLink processes`,
    { data: { directory: options.directory } },
  );
}

/**
 * Node's recursive mkdir never ends where the system makes no folders and says ENOENT to it: below a mount that is only
 * made when its server answers, or in /proc.
 */
async function makeFolder(folder: string, isParentMade = false): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (fault) {
    if (codeOf(fault) === 'EEXIST' && (await stat(folder).catch(() => null))?.isDirectory()) return;
    if (codeOf(fault) !== 'ENOENT' || isParentMade || path.dirname(folder) === folder) throw fault;
    await makeFolder(path.dirname(folder));
    await makeFolder(folder, true);
  }
}

/**
 * With net_io a flock decides, which network file systems know too. The socket is taken beside it, so that a process
 * that runs on the fallback, and knows only sockets, sees this one and is seen by it.
 */
async function takeLocks(
  folder: string,
  netIo: TakeDataDirectoryOptions['netIo'],
): Promise<(() => Promise<void>) | null> {
  if (netIo.kernels().implementation !== 'native') {
    const lock = await takeSocketLock(folder);
    return lock === null ? null : () => lock.release();
  }
  const descriptor = openSync(path.join(folder, 'lock'), 'a', 0o600);
  let socket: SocketLock | null = null;
  try {
    if (!netIo.lockFile(descriptor)) {
      closeSync(descriptor);
      return null;
    }
    socket = await takeSocketLock(folder);
  } catch (fault) {
    // Some volumes have neither sockets nor hard links; the flock is held and enough. Any other fault was lockFile's own.
    if (!isWithoutSockets(fault)) {
      closeSync(descriptor);
      throw fault;
    }
    return async () => closeSync(descriptor);
  }
  if (socket === null) {
    closeSync(descriptor);
    return null;
  }
  const held = socket;
  return async () => {
    await held.release();
    closeSync(descriptor);
  };
}

function isWithoutSockets(fault: unknown): boolean {
  return ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS', 'EIO'].includes(codeOf(fault) ?? '');
}

async function describe(folder: string, bootId: string, release: () => Promise<void>): Promise<DataDirectory> {
  const file = path.join(folder, 'node.json');
  let current = await readNodeFile(file);
  if (current === null) {
    current = { nodeId: randomId(NODE_ID_LENGTH), clusterId: null, bootId };
    await writeNodeFile(file, current);
  }
  const found = current;
  const change = async (changes: Partial<NodeFile>) => {
    const next = { ...(current ?? found), ...changes };
    await writeNodeFile(file, next);
    current = next;
  };
  let released: Promise<void> | undefined;
  return {
    path: folder,
    nodeId: found.nodeId,
    isSameBoot: found.bootId === bootId,
    bindCluster: async (clusterId) => {
      const bound = (current ?? found).clusterId;
      if (bound === clusterId) return;
      if (bound !== null) {
        throw new PeerLinkError(
          'unavailable',
          `DATA_DIR belongs to cluster ${bound}, the database to cluster ${clusterId}; use the data directory and the database that belong together`,
        );
      }
      await change({ clusterId });
    },
    confirmBoot: () => change({ bootId }),
    release: () => {
      released ??= release();
      return released;
    },
  };
}

async function readNodeFile(file: string): Promise<NodeFile | null> {
  const text = await readFile(file, 'utf8').catch((fault: unknown) => {
    if (codeOf(fault) === 'ENOENT') return null;
    throw fault;
  });
  if (text === null) return null;
  const parsed = parseNodeFile(text);
  // A new identity would make this node's transfers nobody's: better to stop and let a person look.
  if (parsed === null) throw new PeerLinkError('unavailable', 'node.json in the data directory is damaged; restore it');
  return parsed;
}

function parseNodeFile(text: string): NodeFile | null {
  try {
    const { nodeId, clusterId, bootId } = JSON.parse(text) as Record<string, unknown>;
    if (typeof nodeId !== 'string' || nodeId === '' || typeof bootId !== 'string') return null;
    if (clusterId !== null && typeof clusterId !== 'string') return null;
    return { nodeId, clusterId, bootId };
  } catch {
    return null;
  }
}

/** Whole or not at all, also after a power cut. */
async function writeNodeFile(file: string, content: NodeFile): Promise<void> {
  const draft = `${file}.new`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Where the system tells none each start counts as another boot: files are then verified, never wrongly trusted. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `unknown-${randomUUID()}`;
  }
}
