import { constants } from 'node:os';
import path from 'node:path';
import { getSystemErrorName } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../../test/support/cleanup.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { folderFault, reasonOfFolder } from './folder-faults.ts';

const systemFault = (code: string, place?: string) =>
  Object.assign(new Error(`${code}: refused`), { code, ...(place === undefined ? {} : { path: place }) });

/** As Node says it, which has no name for it. */
const overQuota = () => getSystemErrorName(-constants.errno.EDQUOT);

describe('a fault of the data directory', () => {
  it.each([
    [
      'EACCES',
      /^DATA_DIR: the user of this process \(uid \d+\) has no right to \/srv\/x\/lock; make that user the owner/,
    ],
    ['EROFS', /^DATA_DIR: \/srv\/x\/lock is on a disk that is mounted read-only$/],
    ['ENOSPC', /^DATA_DIR: the disk of \/srv\/x\/lock is full; make space$/],
    [overQuota(), /^DATA_DIR: the disk of \/srv\/x\/lock is full; make space$/],
    ['ENOTDIR', /^DATA_DIR: \/srv\/x\/lock is not a folder/],
    ['EIO', /^DATA_DIR: \/srv\/x\/lock cannot be used \(EIO\)$/],
  ])('says for %s which path, why and what to do', async (code, text) => {
    const told = await folderFault(systemFault(code, '/srv/x/lock'), '/srv/x');
    expect(told).toMatchObject({ type: 'unavailable', message: expect.stringMatching(text) });
  });

  it('names the directory when the system named no path', async () => {
    expect(await folderFault(systemFault('ENOSPC'), '/srv/x')).toMatchObject({
      message: 'DATA_DIR: the disk of /srv/x is full; make space',
    });
  });

  it('leaves alone what is said already, and what is not of the system', async () => {
    const said = new PeerLinkError('unavailable', 'node.json in the data directory is damaged; restore it');
    const defect = new TypeError('x is not a function');
    const ofNode = Object.assign(new TypeError('bad argument'), { code: 'ERR_INVALID_ARG_TYPE' });
    for (const fault of [said, defect, ofNode]) expect(await folderFault(fault, '/srv/x')).toBe(fault);
  });
});

describe('why a database may not open in a folder', () => {
  it('is nothing for one with room that can be written', async () => {
    expect(await reasonOfFolder(path.join(tempDirectory('room'), 'pglite'))).toBe('');
  });
});
