import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import path from 'node:path';
import { PeerLinkError } from '../contracts/errors.ts';
import { isDiskFull } from '../kernel/disk-full.ts';
import { codeOf } from './system-faults.ts';

/** A new embedded database has some 40 MiB; below this a disk is called full when the database on it cannot be opened. */
const LITTLE_SPACE_BYTES = 64 * 1024 ** 2;

/**
 * What an operator is told of a fault of the data directory's file system: which path, why, and what mends it. Anything
 * that is not the system's comes back unchanged.
 */
export async function folderFault(fault: unknown, directory: string): Promise<unknown> {
  const found = codeOf(fault);
  if (fault instanceof PeerLinkError || found === undefined) return fault;
  if (!/^E[A-Z0-9]+$/.test(found) && !isDiskFull(found)) return fault;
  // Where a disk is mounted read-only, a recursive mkdir speaks of a folder that is not there.
  const code = found === 'ENOENT' ? ((await whyNotWritable(directory)) ?? found) : found;
  const { path: place = directory } = fault as NodeJS.ErrnoException;
  return new PeerLinkError('unavailable', `DATA_DIR: ${sentence(code, place)}`, { cause: fault });
}

/** Why a database in `directory` may have failed to open, as a sentence's end; empty when the file system shows nothing. */
export async function reasonOfFolder(directory: string): Promise<string> {
  const code = (await whyNotWritable(directory)) ?? (await fullDisk(directory));
  return code === undefined ? '' : `: ${sentence(code, directory)}`;
}

function sentence(code: string, place: string): string {
  const user = process.getuid?.();
  if (isDiskFull(code)) return `the disk of ${place} is full; make space`;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `the user of this process${user === undefined ? '' : ` (uid ${user})`} has no right to ${place}; make that user the owner of the data directory and of all in it`;
    case 'EROFS':
      return `${place} is on a disk that is mounted read-only`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${place} is not a folder, or goes through something that is none`;
    default:
      return `${place} cannot be used (${code})`;
  }
}

/** The system's code for not being able to write in `directory`, or in the nearest folder above it that exists. */
async function whyNotWritable(directory: string): Promise<string | undefined> {
  for (let folder = directory; ; folder = path.dirname(folder)) {
    const code = await access(folder, constants.R_OK | constants.W_OK | constants.X_OK).then(() => undefined, codeOf);
    if (code !== 'ENOENT' || path.dirname(folder) === folder) return code;
  }
}

async function fullDisk(directory: string): Promise<string | undefined> {
  for (let folder = directory; ; folder = path.dirname(folder)) {
    const space = await statfs(folder).catch(() => null);
    if (space !== null) return space.bavail * space.bsize < LITTLE_SPACE_BYTES ? 'ENOSPC' : undefined;
    if (path.dirname(folder) === folder) return undefined;
  }
}
