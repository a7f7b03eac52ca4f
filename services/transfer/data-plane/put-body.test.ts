import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { memoryEngine } from '../../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { MovingTransfers } from './moving-transfers.ts';
import { putRun } from './put-body.ts';

describe('a run whose home is another node', () => {
  it('takes no place among those that move when it is refused for its headers', async () => {
    const repository = new MemoryTransferRepository(() => 0);
    const engine = memoryEngine({ repository, nowMs: () => 0 });
    const { transfer: row } = await insertTransfer(repository, { homeNodeId: 'another' });
    const uploads = new MovingTransfers(1, () => 0);
    const deps = {
      engine,
      uploads,
      control: { owned: () => engine.load(row.id) },
      peers: { isHere: () => false },
    } as unknown as DataPlaneDeps;
    const headers = { authorization: 'Bearer token', 'content-length': '1024', 'x-chunk-value': 'no digits' };
    const [req, res, context] = [{ headers }, {}, {}] as unknown as [IncomingMessage, ServerResponse, RequestContext];
    const put = putRun(deps, req, res, context, { transferId: row.id, fileIndex: 0, offset: 0 });
    await expect(put).rejects.toMatchObject({ type: 'bad_request' });
    expect([uploads.streamCount, uploads.transferCount]).toEqual([0, 0]);
  });
});
