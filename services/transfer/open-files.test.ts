import { describe, expect, it } from '@jest/globals';
import { OpenFiles } from './open-files.ts';
import type { StoredFile } from './ports.ts';

const storedFile = (fileId: string): StoredFile => ({ fileId, close: async () => {} }) as unknown as StoredFile;

describe('open files', () => {
  it('lets a writer create what a reader, looking at the same moment, did not find', async () => {
    const files = new OpenFiles(() => {});
    const reader = files.use('a', async () => null);
    const writer = files.use('a', async () => storedFile('a'));
    expect(await reader).toBeNull();
    expect((await writer)?.stored.fileId).toBe('a');
  });

  it('opens a file once for all who use it at the same time', async () => {
    const files = new OpenFiles(() => {});
    let openCount = 0;
    const open = async () => {
      openCount += 1;
      return storedFile('a');
    };
    const [first, second] = await Promise.all([files.use('a', open), files.use('a', open)]);
    expect(openCount).toBe(1);
    expect(second?.stored).toBe(first?.stored);
  });

  it('keeps nothing of an opening that failed', async () => {
    const files = new OpenFiles(() => {});
    await expect(files.use('a', () => Promise.reject(new Error('no such disk')))).rejects.toThrow('no such disk');
    expect((await files.use('a', async () => storedFile('a')))?.stored.fileId).toBe('a');
  });

  it('tells that an idle file could not be closed, which ends nothing', async () => {
    const faults: unknown[] = [];
    const files = new OpenFiles((fault) => faults.push(fault));
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    const broken = { close: () => Promise.reject(full) } as unknown as StoredFile;
    (await files.use('broken', async () => broken))?.release();
    for (let index = 0; index < 512; index += 1)
      (await files.use(`f${index}`, async () => storedFile(`f${index}`)))?.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(faults).toEqual([full]);
  });
});
