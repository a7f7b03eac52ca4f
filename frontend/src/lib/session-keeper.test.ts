import { describe, expect, it } from '@jest/globals';
import type { SessionResponse } from '../../../services/contracts/http.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { SessionKeeper } from './session-keeper.ts';

const HOUR_MS = 3_600_000;
const OVER = { ok: false, fault: { kind: 'problem', type: 'bad_token', retryAfterMs: null } } as const;
const DOWN = { ok: false, fault: { kind: 'network' } } as const;

/** A keeper at a server that makes a session of an hour each time it is asked. */
function visit() {
  const world = { nowMs: 0, made: 0, isDown: false };
  const open = async (): Promise<Answered<SessionResponse>> => {
    if (world.isDown) return DOWN;
    const session = { id: `s${++world.made}`, expiresAt: new Date(world.nowMs + HOUR_MS).toISOString() };
    return { ok: true, value: { session, limits: {} } as SessionResponse };
  };
  const keeper = new SessionKeeper({ open, rename: open, nowMs: () => world.nowMs });
  return { world, keeper };
}
/** Answers these, one after the other. */
function answering<T>(...answers: readonly Answered<T>[]) {
  const left = [...answers];
  return { left, ask: async () => left.shift() ?? DOWN };
}

describe('the session of a page', () => {
  it('is asked for once, and again when it is over', async () => {
    const { world, keeper } = visit();
    await Promise.all([keeper.ensure(), keeper.ensure()]);
    world.nowMs = HOUR_MS - 1;
    await keeper.ensure();
    expect(world.made).toBe(1);
    // A page that was left open over night: what it opens now belongs to a session that lives.
    world.nowMs = HOUR_MS;
    await keeper.ensure();
    expect(world.made).toBe(2);
    expect(keeper.read()).toMatchObject({ name: 'ready', answer: { session: { id: 's2' } } });
  });

  it('is made anew when the server does not know it any more, and what was asked is asked once more', async () => {
    const { world, keeper } = visit();
    const list = answering(OVER, { ok: true, value: 'list' });
    expect(await keeper.within(list.ask)).toEqual({ ok: true, value: 'list' });
    expect(world.made).toBe(2);
  });

  it('is made anew no more than once', async () => {
    const { world, keeper } = visit();
    const list = answering<string>(OVER, OVER, { ok: true, value: 'never' });
    expect(await keeper.within(list.ask)).toEqual(OVER);
    expect(list.left).toHaveLength(1);
    expect(world.made).toBe(2);
  });

  it('is kept when something else is wrong', async () => {
    const { world, keeper } = visit();
    const list = answering<string>(DOWN, { ok: true, value: 'list' });
    expect(await keeper.within(list.ask)).toEqual(DOWN);
    expect(await keeper.within(list.ask)).toEqual({ ok: true, value: 'list' });
    expect(world.made).toBe(1);
  });

  it('that is over stays on the screen while the server cannot make another', async () => {
    const { world, keeper } = visit();
    await keeper.ensure();
    world.nowMs = HOUR_MS;
    world.isDown = true;
    expect(await keeper.ensure()).toEqual(DOWN);
    expect(keeper.read()).toMatchObject({ name: 'ready', answer: { session: { id: 's1' } } });
  });

  it('cannot be had without the server: nothing is asked in its name', async () => {
    const { world, keeper } = visit();
    world.isDown = true;
    const list = answering({ ok: true, value: 'list' });
    expect(await keeper.within(list.ask)).toEqual(DOWN);
    expect(list.left).toHaveLength(1);
    expect(keeper.read()).toEqual({ name: 'failed', fault: { kind: 'network' } });
    world.isDown = false;
    expect(await keeper.within(list.ask)).toEqual({ ok: true, value: 'list' });
  });
});
