import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { leading, newFile, newTransfer, type StateHarness, unique } from './state-harness.ts';

/** What every SessionRepository does, whatever it stands on. */
export function describeSessionRepository(make: () => StateHarness): void {
  const start = async (ttlSeconds = 60) => {
    const id = unique('session');
    const tokenHash = new Uint8Array(createHash('sha256').update(id).digest());
    const row = await make().sessions.insert({ id, tokenHash, displayName: 'Ω 名 🦊' }, ttlSeconds);
    return { id, tokenHash, row };
  };

  describe('sessions', () => {
    it('are found by their token and by their id', async () => {
      const { id, tokenHash, row } = await start();
      expect(row).toMatchObject({ id, displayName: 'Ω 名 🦊', revokedAt: null });
      expect(Number(row.expiresAt) - Number(row.createdAt)).toBe(60_000);
      expect(await make().sessions.findByTokenHash(tokenHash)).toEqual(row);
      expect(await make().sessions.findById(id)).toEqual(row);
      expect(await make().sessions.findById(unique('nothing'))).toBeNull();
      expect(await make().sessions.findByTokenHash(new Uint8Array(32))).toBeNull();
    });

    it('have one owner a token', async () => {
      const { tokenHash } = await start();
      const second = { id: unique('session'), tokenHash, displayName: 'thief' };
      await expect(make().sessions.insert(second, 60)).rejects.toMatchObject({ type: 'internal' });
    });

    it('are no more once they expired or were revoked', async () => {
      const expired = await start(-1);
      const revoked = await start();
      await make().sessions.revoke(revoked.id);
      await make().sessions.revoke(revoked.id);
      for (const { id, tokenHash } of [expired, revoked]) {
        expect(await make().sessions.findByTokenHash(tokenHash)).toBeNull();
        expect(await make().sessions.findById(id)).toBeNull();
        expect(await make().sessions.touch(id, 60)).toBeNull();
        expect(await make().sessions.rename(id, 'x')).toBeNull();
      }
    });

    it('live on from their last use', async () => {
      const { id, row } = await start();
      await make().age('sessions', id, 50);
      const touched = await make().sessions.touch(id, 60);
      expect(Number(touched?.expiresAt)).toBeGreaterThanOrEqual(Number(row.expiresAt));
      expect(Number(touched?.lastUsedAt)).toBeGreaterThanOrEqual(Number(row.lastUsedAt));
      await make().age('sessions', id, 61);
      expect(await make().sessions.findById(id)).toBeNull();
    });

    it('take another name', async () => {
      const { id } = await start();
      expect(await make().sessions.rename(id, 'Ada')).toMatchObject({ id, displayName: 'Ada' });
      expect(await make().sessions.findById(id)).toMatchObject({ displayName: 'Ada' });
    });

    it('tell the names of those that live', async () => {
      const [one, other, expired, revoked] = [await start(), await start(), await start(-1), await start()];
      await make().sessions.revoke(revoked.id);
      await make().sessions.rename(other.id, 'Ada');
      const asked = [one, other, expired, revoked].map(({ id }) => id);
      expect([...(await make().sessions.namesOf([...asked, "nobody'; --"]))].sort()).toEqual(
        [
          [one.id, 'Ω 名 🦊'],
          [other.id, 'Ada'],
        ].sort(),
      );
      expect(await make().sessions.namesOf([])).toEqual(new Map());
    });

    it('never expire before their longest-lived transfer', async () => {
      const { id } = await start(60);
      const short = newTransfer({ sessionId: id });
      const long = newTransfer({ sessionId: id });
      await make().transfers.insert(short, [newFile(0)], { maxOpen: 9, expiresInSeconds: 10 });
      expect(Number((await make().sessions.findById(id))?.expiresAt)).toBeLessThan(Date.now() + 70_000);
      await make().transfers.insert(long, [newFile(0)], { maxOpen: 9, expiresInSeconds: 5_000 });
      const expiryOf = async () => Number((await make().sessions.findById(id))?.expiresAt);
      const transferExpiry = async () => Number((await make().transfers.findById(long.id))?.transfer.expiresAt);
      expect(await expiryOf()).toBe(await transferExpiry());
      // A use does not shorten it.
      expect(Number((await make().sessions.touch(id, 60))?.expiresAt)).toBe(await transferExpiry());
      await make().transfers.change(long.id, { expiresInSeconds: 9_000 });
      expect(await expiryOf()).toBe(await transferExpiry());
      // Nor does another transfer that ends sooner.
      await make().transfers.change(short.id, { expiresInSeconds: 20 });
      expect(await expiryOf()).toBe(await transferExpiry());
      // With the transfer's end the next use counts alone.
      await make().transfers.end(long.id, 'deleted');
      expect(Number((await make().sessions.touch(id, 60))?.expiresAt)).toBeLessThan(Date.now() + 120_000);
    });

    it('that are in use live on, those that were not used for so long, and none for a shorter time', async () => {
      const [used, idle, long, expired, revoked] = [
        await start(60),
        await start(60),
        await start(9_000),
        await start(-1),
        await start(60),
      ];
      const { sessions, age } = make();
      await sessions.revoke(revoked.id);
      for (const { id } of [idle, long]) await age('sessions', id, 30);
      const expiryOf = async (id: string) => Number((await sessions.findById(id))?.expiresAt) - Date.now();
      const before = await expiryOf(long.id);
      const ids = [used, idle, long, expired, revoked].map(({ id }) => id);
      await sessions.keep(ids, { ttlSeconds: 3_600, notUsedForSeconds: 10 });
      expect(await expiryOf(used.id)).toBeLessThan(70_000);
      expect(await expiryOf(idle.id)).toBeGreaterThan(3_500_000);
      expect(Math.abs((await expiryOf(long.id)) - before)).toBeLessThan(60_000);
      for (const { id } of [expired, revoked]) expect(await sessions.findById(id)).toBeNull();
      // Used right now.
      await sessions.keep(ids, { ttlSeconds: 9_999, notUsedForSeconds: 10 });
      expect(await expiryOf(idle.id)).toBeLessThan(3_700_000);
    });

    it('are not woken by a transfer once they are over', async () => {
      const expired = await start(-1);
      await make().transfers.insert(newTransfer({ sessionId: expired.id }), [newFile(0)], {
        maxOpen: 9,
        expiresInSeconds: 1_000,
      });
      expect(await make().sessions.findById(expired.id)).toBeNull();
    });

    it('that were revoked are told, those of the last seconds only', async () => {
      const [first, second] = [await start(), await start()];
      const { sessions } = make();
      expect(await sessions.revoke(first.id)).toMatchObject({ id: first.id, tokenHashHex: first.row.tokenHashHex });
      const when = (await sessions.revoke(first.id))?.revokedAt;
      expect((await sessions.revoke(first.id))?.revokedAt).toEqual(when);
      expect(await sessions.revoke(unique('nothing'))).toBeNull();
      const told = await sessions.revokedWithin(30, 1_000);
      expect(told).toContain(first.id);
      expect(told).not.toContain(second.id);
      expect(await sessions.revokedWithin(30, 1)).toHaveLength(1);
      await make().age('sessions', first.id, 31);
      expect(await sessions.revokedWithin(30, 1_000)).not.toContain(first.id);
    });

    it('are deleted once they expired, so many at a time, by who leads and nobody else', async () => {
      const expired = [await start(-1), await start(-1), await start(-1)];
      const { id } = await start();
      const { sessions } = make();
      const over = await leading(make(), async (term) => {
        expect(await sessions.deleteExpired(2, { ...term, epoch: term.epoch - 1 })).toBe(0);
        expect(await sessions.deleteExpired(2, { ...term, nodeId: unique('other') })).toBe(0);
        expect(await sessions.deleteExpired(2, term)).toBe(2);
        await sessions.deleteExpired(1_000, term);
        expect(await sessions.deleteExpired(1_000, term)).toBe(0);
        return term;
      });
      await start(-1);
      expect(await sessions.deleteExpired(1_000, over)).toBe(0);
      expect(await make().sessions.findById(id)).not.toBeNull();
      // Their tokens are free again: the rows are gone.
      const { tokenHash } = expired[0] as { tokenHash: Uint8Array };
      const again = { id: unique('session'), tokenHash, displayName: 'x' };
      await expect(make().sessions.insert(again, 60)).resolves.toMatchObject({ id: again.id });
    });
  });
}
