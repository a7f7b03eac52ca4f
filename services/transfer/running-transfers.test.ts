import { describe, expect, it } from '@jest/globals';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer, newFile, transferRow } from '../../test/support/transfer-rows.ts';
import type { TransferWithFiles } from './ports.ts';

function setUp() {
  const repository = new MemoryTransferRepository(() => 0);
  const engine = memoryEngine({ repository, nowMs: () => 0 });
  /** Rows that nobody need look up. */
  const foundWith = (fileCount: number): TransferWithFiles => {
    const transfer = transferRow();
    const file = { ...newFile(), transferId: transfer.id };
    return { transfer, files: Array.from({ length: fileCount }, () => file) };
  };
  const insert = async () => (await insertTransfer(repository, {})).transfer.id;
  return { engine, foundWith, insert };
}

describe('transfers in memory', () => {
  it('are one for all who ask, also where as many as are kept idle are in use', async () => {
    const { engine, foundWith, insert } = setUp();
    for (let index = 0; index < 2_000; index += 1) engine.hold(engine.adopt(foundWith(1)));
    const id = await insert();
    expect(await engine.load(id)).toBe(await engine.load(id));
  });

  it('are one for all who ask, also where those in use have as many files as are kept idle', async () => {
    const { engine, foundWith, insert } = setUp();
    for (let index = 0; index < 10; index += 1) engine.hold(engine.adopt(foundWith(10_000)));
    const id = await insert();
    expect(await engine.load(id)).toBe(await engine.load(id));
  });

  it('are let go of when too many are idle: those first that nobody asked for longest', async () => {
    const { engine, foundWith } = setUp();
    const all = Array.from({ length: 2_000 }, () => engine.adopt(foundWith(1)).row.id);
    const [first = '', second = ''] = all;
    await engine.load(first);
    engine.adopt(foundWith(1));
    const ids = new Set([...engine.running()].map(({ row }) => row.id));
    expect([ids.size, ids.has(first), ids.has(second)]).toEqual([2_000, true, false]);
  });
});
