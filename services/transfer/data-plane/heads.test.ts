import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { getFile } from './get-file.ts';
import { getZip } from './get-zip.ts';

describe('a HEAD, which takes no bytes and so no download', () => {
  const counted: string[] = [];
  const consumeRate = async (limit: string) => {
    counted.push(limit);
    throw new PeerLinkError('rate_limited', 'Too many.');
  };
  const deps = { edge: { consumeRate } } as unknown as DataPlaneDeps;
  const req = { method: 'HEAD', headers: {} } as IncomingMessage;
  // Nothing of these is touched before it is counted.
  const [res, context, transfer, file] = [{}, {}, {}, {}] as [
    ServerResponse,
    RequestContext,
    RunningTransfer,
    RunningFile,
  ];

  it('counts as a look before any work is done for it', async () => {
    const ofFile = getFile(deps, req, res, context, transfer, file, { mayInline: false, recipient: null });
    await expect(ofFile).rejects.toMatchObject({ type: 'rate_limited' });
    await expect(getZip(deps, req, res, context, transfer, null)).rejects.toMatchObject({ type: 'rate_limited' });
    expect(counted).toEqual(['looks', 'looks']);
  });
});
