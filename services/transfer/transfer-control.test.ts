import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { noDirectSends } from '../../test/support/no-direct-sends.ts';
import type { Caller } from '../contracts/actions.ts';
import type { OpenTransferRequest } from '../contracts/http.ts';
import { TransferControl } from './transfer-control.ts';

function world() {
  const time = { nowMs: Date.UTC(2026, 0, 1), endsSet: 0 };
  const repository = new MemoryTransferRepository(() => time.nowMs);
  const engine = memoryEngine({ repository, nowMs: () => time.nowMs });
  const control = new TransferControl({
    engine,
    repository,
    direct: noDirectSends(engine),
    secret: randomBytes(32),
    limits: { maxFileBytes: null, smallestChunkBytes: 16_384, defaultTtlSeconds: 3600, maxOpenTransfers: 2 },
    publicUrlOf: async () => null,
    onEndSet: () => {
      time.endsSet += 1;
    },
  });
  return { time, repository, engine, control };
}

const anna: Caller = {
  sessionId: 'anna',
  uploadToken: null,
  addressKey: '10.0.0.1',
  publicOrigin: 'https://share.test',
};
const ben: Caller = { ...anna, sessionId: 'ben' };
const nobody: Caller = { ...anna, sessionId: null };
const request: OpenTransferRequest = { files: [{ path: 'a.bin', sizeBytes: 5 }] };

describe('opening a transfer', () => {
  it('tells that there is a new end, and so does setting another one', async () => {
    const { control, time } = world();
    const { transfer } = await control.open(anna, request);
    expect(time.endsSet).toBe(1);
    await control.get(anna, transfer.id);
    await control.list(anna);
    expect(time.endsSet).toBe(1);
    await control.change(anna, transfer.id, { expiresInSeconds: 5 });
    expect(time.endsSet).toBe(2);
  });

  it('gives a link on the origin asked for, and a token that proves ownership without a session', async () => {
    const { control } = world();
    const { transfer, uploadToken } = await control.open(anna, request);
    expect(transfer.link).toBe(`https://share.test/d/${transfer.shareId}`);
    expect((await control.get({ ...nobody, uploadToken }, transfer.id)).id).toBe(transfer.id);
  });

  it('without a session makes it the token’s alone, and not of everybody who has no session either', async () => {
    const { control } = world();
    const { transfer, uploadToken } = await control.open(nobody, request);
    for (const other of [nobody, anna, { ...nobody, uploadToken: 'guessed' }]) {
      await expect(control.get(other, transfer.id)).rejects.toMatchObject({ type: 'not_found' });
      await expect(control.status(other, transfer.id)).rejects.toMatchObject({ type: 'not_found' });
      await expect(control.change(other, transfer.id, {})).rejects.toMatchObject({ type: 'not_found' });
      await expect(control.end(other, transfer.id, 'deleted')).rejects.toMatchObject({ type: 'not_found' });
    }
    expect((await control.get({ ...nobody, uploadToken }, transfer.id)).id).toBe(transfer.id);
  });

  it('answers a repeated key with the same transfer and token, and another request under it with key_reused', async () => {
    const { control } = world();
    const first = await control.open(anna, request, 'key-1');
    const again = await control.open(anna, request, 'key-1');
    expect([again.transfer.id, again.uploadToken]).toEqual([first.transfer.id, first.uploadToken]);
    await expect(control.open(anna, { ...request, maxDownloads: 2 }, 'key-1')).rejects.toMatchObject({
      type: 'key_reused',
    });
    await expect(control.open(anna, { ...request, password: 'x' }, 'key-1')).rejects.toMatchObject({
      type: 'key_reused',
    });
    expect((await control.open(ben, request, 'key-1')).transfer.id).not.toBe(first.transfer.id);
  });

  it('refuses one unfinished transfer too many of a session, or of an address without one', async () => {
    const { control } = world();
    for (const caller of [anna, nobody]) {
      const first = await control.open(caller, request);
      await control.open(caller, request);
      await expect(control.open(caller, request)).rejects.toMatchObject({
        type: 'too_many_transfers',
        data: { openCount: 2, maxOpen: 2 },
      });
      await control.end({ ...caller, uploadToken: first.uploadToken }, first.transfer.id, 'deleted');
      await control.open(caller, request);
    }
  });
});

describe('a status', () => {
  it('says how many read the transfer right now', async () => {
    const { control, engine } = world();
    const { transfer } = await control.open(anna, request);
    const letGo = engine.holdAsReader(await engine.load(transfer.id));
    expect((await control.status(anna, transfer.id)).recipients).toBe(1);
    letGo();
    expect((await control.status(anna, transfer.id)).recipients).toBe(0);
  });
});

describe("another's transfer", () => {
  it('is answered as if it were not there, whatever is asked of it', async () => {
    const { control } = world();
    const { transfer } = await control.open(anna, request);
    const { uploadToken: other } = await control.open(ben, request);
    for (const caller of [ben, nobody, { ...nobody, uploadToken: other }, { ...nobody, uploadToken: '' }]) {
      const asked = [
        () => control.get(caller, transfer.id),
        () => control.status(caller, transfer.id),
        () => control.change(caller, transfer.id, { maxDownloads: 1 }),
        () => control.end(caller, transfer.id, 'deleted'),
      ];
      for (const ask of asked) await expect(ask()).rejects.toMatchObject({ type: 'not_found' });
    }
    expect((await control.list(ben)).transfers.map((each) => each.id)).not.toContain(transfer.id);
    expect(await control.list(nobody)).toEqual({ transfers: [] });
    expect((await control.get(anna, transfer.id)).state).toBe('open');
  });
});

describe("the owner's list", () => {
  it('says of each transfer what has arrived, without ended ones', async () => {
    const { control, engine } = world();
    const { transfer } = await control.open(anna, {
      files: [
        { path: 'a', sizeBytes: 5 },
        { path: 'b', sizeBytes: 0 },
      ],
    });
    const gone = await control.open(anna, request);
    await control.end(anna, gone.transfer.id, 'deleted');
    const running = await engine.load(transfer.id);
    await engine.writeChunk(running, running.file(0), { index: 0, bytes: [Buffer.from('12345')] });
    await engine.sealWhenComplete(running, running.file(0));
    const { transfers } = await control.list(anna);
    expect(transfers).toMatchObject([
      {
        id: transfer.id,
        state: 'sealed',
        totalBytes: 5,
        committedBytes: 5,
        fileCount: 2,
        files: [{ path: 'a' }, { path: 'b' }],
      },
    ]);
  });
});

describe('a change', () => {
  it('raises a limit that is used up until the share has ended for it, and is then told so', async () => {
    const { control, repository } = world();
    const { transfer } = await control.open(anna, { ...request, maxDownloads: 1 });
    await repository.change(transfer.id, { maxDownloads: 0 });
    expect((await control.change(anna, transfer.id, { maxDownloads: 2 })).maxDownloads).toBe(2);
    await repository.end(transfer.id, 'used_up');
    const told = { type: 'used_up', message: expect.stringContaining('Send it again') };
    // Whether this node knows of it already or not.
    for (let turn = 0; turn < 2; turn += 1)
      await expect(control.change(anna, transfer.id, { maxDownloads: 3 })).rejects.toMatchObject(told);
    await expect(control.share(anna, transfer.shareId, undefined)).rejects.toMatchObject({ type: 'used_up' });
    expect(await control.get(anna, transfer.id)).toMatchObject({ state: 'ended', endReason: 'used_up' });
    expect((await control.list(anna)).transfers).toEqual([]);
  });

  it('holds at once, is checked like an opening, and comes too late for what is over', async () => {
    const { control, time } = world();
    const { transfer } = await control.open(anna, { ...request, expiresInSeconds: 60 });
    await control.change(anna, transfer.id, { maxDownloads: 3 });
    expect((await control.share(anna, transfer.shareId, undefined)).remainingDownloads).toBe(3);
    await control.change(anna, transfer.id, { maxDownloads: null, expiresInSeconds: 600 });
    time.nowMs += 300_000;
    expect((await control.share(anna, transfer.shareId, undefined)).remainingDownloads).toBeNull();
    for (const change of [
      { maxDownloads: 0 },
      { maxDownloads: 1.5 },
      { expiresInSeconds: 0 },
      { expiresInSeconds: 1e12 },
    ]) {
      await expect(control.change(anna, transfer.id, change)).rejects.toMatchObject({ type: 'bad_request' });
    }
    time.nowMs += 300_000;
    await expect(control.change(anna, transfer.id, { expiresInSeconds: 600 })).rejects.toMatchObject({
      type: 'expired',
    });
    await expect(control.share(anna, transfer.shareId, undefined)).rejects.toMatchObject({ type: 'expired' });
  });
});

describe('a password', () => {
  it('hides what is shared, gives a grant when it is right, and the grant ends with the share', async () => {
    const { control, time } = world();
    const { transfer } = await control.open(anna, {
      ...request,
      password: 'secret',
      expiresInSeconds: 60,
      senderName: 'Anna',
    });
    expect(await control.share(anna, transfer.shareId, undefined)).toMatchObject({
      passwordRequired: true,
      files: [],
      share: { senderName: null, fileCount: 0, totalBytes: null },
    });
    await expect(control.grant(transfer.shareId, 'wrong')).rejects.toMatchObject({ type: 'bad_password' });
    await expect(control.grant(transfer.shareId, 'x'.repeat(5000))).rejects.toMatchObject({ type: 'bad_password' });
    const { grant, expiresAt } = await control.grant(transfer.shareId, 'secret');
    expect(Date.parse(expiresAt)).toBe(time.nowMs + 60_000);
    expect(await control.share(anna, transfer.shareId, grant)).toMatchObject({
      passwordRequired: false,
      files: [{ path: 'a.bin' }],
      share: { senderName: 'Anna' },
    });
  });
});
