import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../contracts/errors.ts';
import { MIB } from '../../contracts/limits.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { getFile } from './get-file.ts';
import { wastedBytes } from './range-waste.ts';

const FILE = { chunkSizeBytes: 100, sizeBytes: 950 };
const none = () => false;

describe('what is read for a range and not sent', () => {
  it.each([
    ['the whole file', 0, 950, 0],
    ['the rest of a file of unknown length', 0, null, 0],
    ['whole chunks', 100, 300, 0],
    ['a byte', 150, 151, 99],
    ['the first byte of a chunk', 200, 201, 99],
    ['the last byte of a chunk', 199, 200, 99],
    ['the last byte of the file, whose last chunk is short', 949, 950, 49],
    ['two bytes of two chunks', 199, 201, 198],
    ['from within a chunk to the end', 410, 950, 10],
    ['from within a chunk, as far as it will go', 410, null, 10],
    ['nothing', 450, 450, 0],
  ])('is what it leaves of its first and last chunk: %s', (_what, from, to, wanted) => {
    expect(wastedBytes({ from, to }, FILE, none)).toBe(wanted);
  });

  it('is nothing of a chunk that is in memory', () => {
    const only = (held: number) => (index: number) => index === held;
    expect(wastedBytes({ from: 150, to: 151 }, FILE, only(1))).toBe(0);
    expect(wastedBytes({ from: 150, to: 251 }, FILE, only(1))).toBe(49);
    expect(wastedBytes({ from: 150, to: 251 }, FILE, only(2))).toBe(50);
  });
});

describe('a range of a file of large chunks', () => {
  /** What a GET is charged before it takes a download or reads anything. */
  async function charged(range: string, isInMemory = false) {
    const points: [string, number | undefined][] = [];
    const consumeRate = async (limit: string, _context: unknown, more?: number) => {
      points.push([limit, more]);
      throw new PeerLinkError('rate_limited', 'Too many.');
    };
    const row = { id: 'f', path: 'a.bin', sizeBytes: 64 * MIB, chunkSizeBytes: 16 * MIB, digest: null };
    const deps = { edge: { consumeRate }, chunks: { has: () => isInMemory } } as unknown as DataPlaneDeps;
    const transfer = {
      row: { generation: 0, expiresAt: new Date(0), maxDownloads: null },
    } as unknown as RunningTransfer;
    const req = { method: 'GET', headers: { range } } as unknown as IncomingMessage;
    const asked = getFile(
      deps,
      req,
      {} as ServerResponse,
      { requestId: 'r' } as RequestContext,
      transfer,
      { row } as unknown as RunningFile,
      { mayInline: false, recipient: null },
    );
    await asked.catch(() => {});
    return points;
  }

  it('is charged a look for each MiB that is read for it in vain, unless that is in memory', async () => {
    expect(await charged('bytes=1-1')).toEqual([['looks', 15]]);
    expect(await charged(`bytes=${16 * MIB - 1}-${16 * MIB}`)).toEqual([['looks', 31]]);
    // What is left is charged as a download that begins, or not at all.
    expect(await charged('bytes=0-0', true)).toEqual([['downloads', undefined]]);
    expect(await charged(`bytes=0-${16 * MIB - 1}`)).toEqual([['downloads', undefined]]);
    expect(await charged(`bytes=${16 * MIB}-${32 * MIB - 1}`)).toEqual([]);
  });
});
