import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** A quota that is used up. libuv, and with it Node, has no name for it: the code is then `Unknown system error -122`. */
const OVER_QUOTA = getSystemErrorName(-constants.errno.EDQUOT);
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', OVER_QUOTA]);

/** Whether a system's code says that there is no room: of the disk, or of what the user may have of it. */
export function isDiskFull(code: string | undefined): boolean {
  return FULL.has(code);
}
