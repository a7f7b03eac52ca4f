import { describe, expect, it } from '@jest/globals';
import type { GrantResponse } from '../../../../services/contracts/http.ts';
import type { Answered } from '../../transfer-engine/transport.ts';
import { ShareRight } from './share-right.ts';

const WRONG = { kind: 'problem', type: 'bad_password', retryAfterMs: null } as const;

/** A server that knows one password and numbers its grants, and a tab whose storage may refuse. */
function visit(isElsewhere: boolean, isStorageRefused = false) {
  const tab = { kept: null as string | null, isDown: false, asked: 0 };
  const load = () =>
    new ShareRight({
      ask: async (password): Promise<Answered<GrantResponse>> => {
        if (tab.isDown) return { ok: false, fault: { kind: 'network' } };
        if (password !== 'sesame') return { ok: false, fault: WRONG };
        const number = ++tab.asked;
        return { ok: true, value: { grant: `header ${number}`, addressGrant: `address ${number}`, expiresAt: '' } };
      },
      kept: () => tab.kept,
      keep: (grant) => {
        if (!isStorageRefused) tab.kept = grant;
      },
      isElsewhere,
    });
  return { tab, load };
}

describe('the right to a share with a password', () => {
  it('stays out of addresses where a cookie carries it, and outlives a reload there', async () => {
    const { tab, load } = visit(false);
    const right = load();
    expect(right.grant).toBeNull();
    expect(await right.unlock('sesame')).toBeNull();
    expect(right.grant).toBe('header 1');
    expect(right.addressGrant).toBeNull();
    expect(load().grant).toBe('header 1');
    expect(tab.asked).toBe(1);
  });

  it('goes along to another node, which gets no cookie: made anew for as long as the page knows the password', async () => {
    const { tab, load } = visit(false);
    const right = load();
    expect(right.nodeGrant).toBeNull();
    await right.unlock('sesame');
    expect(right.nodeGrant).toBe('address 1');
    expect(await right.renew()).toBeNull();
    expect(right.nodeGrant).toBe('address 2');
    expect(right.addressGrant).toBeNull();
    tab.isDown = true;
    expect(await right.renew()).toEqual({ kind: 'network' });
    expect(right.nodeGrant).toBe('address 2');
    // A reload has the cookie and what was kept beside it, which is for this origin alone.
    expect(load().nodeGrant).toBeNull();
    expect(await load().renew()).toMatchObject({ type: 'password_required' });
  });

  it('holds for the page where the browser keeps nothing', async () => {
    const right = visit(false, true).load();
    await right.unlock('sesame');
    expect(right.grant).toBe('header 1');
  });

  it('rides in addresses from another origin: the one made for them, made anew before it ends', async () => {
    const { tab, load } = visit(true);
    const right = load();
    expect(right.addressGrant).toBeNull();
    await right.unlock('sesame');
    expect(right.grant).toBe('header 1');
    expect(right.addressGrant).toBe('address 1');
    expect(right.nodeGrant).toBe('address 1');
    expect(await right.renew()).toBeNull();
    expect(right.addressGrant).toBe('address 2');
    tab.isDown = true;
    expect(await right.renew()).toEqual({ kind: 'network' });
    expect(right.addressGrant).toBe('address 2');
    // A reload has no password to make one with: it asks for it.
    expect(load().grant).toBeNull();
  });

  it('is not there with another password', async () => {
    const right = visit(true).load();
    expect(await right.unlock('simsim')).toEqual(WRONG);
    expect(right.grant).toBeNull();
    expect(await right.renew()).toMatchObject({ type: 'password_required' });
  });
});
