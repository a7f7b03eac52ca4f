import { describe, expect, it } from '@jest/globals';
import { BrokenOff, Refusal } from './http.ts';
import { type Door, NodeRing } from './node-ring.ts';

/** Nobody listens there: a look at who is up fails at once. */
const door = (name: string): Door => ({ name, id: `id-${name}`, url: 'http://127.0.0.1:1' });
const A = door('a');
const B = door('b');
const C = door('c');
const ringAt = (first: Door) => new NodeRing(() => [A, B, C], first);
const never = new AbortController().signal;
const refused = (type: string, retryAfter?: string) =>
  new Refusal(503, { type: `urn:peerlink:error:${type}` }, retryAfter);

describe('a client that knows three nodes', () => {
  it('asks the next one as soon as one has failed, and stays with the one that answers', async () => {
    const ring = ringAt(B);
    const asked: string[] = [];
    const answer = await ring.firstAnswer(
      async ({ name }) => {
        asked.push(name);
        if (name !== 'a') throw new BrokenOff('gone');
        return 42;
      },
      1_000,
      never,
    );
    expect([answer, asked, ring.door.name]).toEqual([42, ['b', 'c', 'a'], 'a']);
    expect(ring.mostFailures).toBe(2);
  });

  it('asks the next one beside one that takes long', async () => {
    const ring = ringAt(A);
    const asked: string[] = [];
    const startedAtMs = performance.now();
    const answer = await ring.firstAnswer(
      ({ name }) => {
        asked.push(name);
        return name === 'a' ? new Promise<string>(() => {}) : Promise.resolve(name);
      },
      1_000,
      never,
    );
    expect([answer, asked, ring.mostFailures]).toEqual(['b', ['a', 'b'], 0]);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(1_400);
  });

  it('goes round again after a pause, and gives up on what repeating cannot mend', async () => {
    const ring = ringAt(A);
    let count = 0;
    const late = async ({ name }: Door) => {
      count += 1;
      if (count <= 3) throw refused('unavailable');
      return name;
    };
    expect(await ring.firstAnswer(late, 5_000, never)).toBe('a');
    const ended = () => Promise.reject(new Refusal(410, { type: 'urn:peerlink:error:ended' }, undefined));
    await expect(ring.firstAnswer(ended, 5_000, never)).rejects.toMatchObject({ type: 'ended' });
  });

  it('turns to another node after a failure, but not after `moved`', async () => {
    const ring = ringAt(A);
    await ring.failed(A, new Refusal(409, { type: 'urn:peerlink:error:moved' }, '0'), never);
    expect(ring.door.name).toBe('a');
    await ring.failed(A, refused('unavailable', '1'), never);
    expect(ring.door.name).toBe('b');
    ring.turnTo(C);
    expect(ring.door.name).toBe('c');
  });
});
