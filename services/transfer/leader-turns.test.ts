import { describe, expect, it } from '@jest/globals';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { ENDED_ROW_KEPT_MS } from '../contracts/limits.ts';
import { LeaderTurns } from './leader-turns.ts';

const TERM = { nodeId: 'n', epoch: 1 };

function world({ isLone, uploadTtlSeconds = 7_200 }: { isLone: boolean; uploadTtlSeconds?: number }) {
  /** `setMs`: how far somebody has set the clock that the rows go by. */
  const time = { nowMs: Date.UTC(2026, 0, 1), setMs: 0 };
  const repository = new MemoryTransferRepository(() => time.nowMs + time.setMs);
  const sends = { ledCount: 0 };
  const turns = new LeaderTurns({
    repository,
    sends: {
      lead: async () => {
        sends.ledCount += 1;
        return 0;
      },
      deleteOver: async () => {},
    },
    uploadTtlSeconds,
    isLone,
    nowMs: () => time.nowMs,
  });
  const open = async (id: string, expiresInSeconds: number, kind: 'share' | 'direct' = 'share') => {
    await insertTransfer(repository, { id, kind, files: [{}], expiresInSeconds });
    turns.lookAgain();
  };
  /** The leader's turns, one a second; @returns how many statements they made. */
  const pass = async (seconds: number) => {
    const before = repository.statementCount;
    for (let second = 0; second < seconds; second += 1) {
      time.nowMs += 1_000;
      await turns.turn(TERM).catch(() => 0);
    }
    return repository.statementCount - before;
  };
  const isOver = async (id: string) => (await repository.findById(id))?.transfer.state === 'ended';
  return { time, repository, sends, turns, open, pass, isOver };
}

describe('the leader of a node alone', () => {
  it('asks a few times a minute while nothing is due, and ends what is due within a second all the same', async () => {
    const { open, pass, isOver } = world({ isLone: true });
    expect(await pass(60)).toBeLessThanOrEqual(7);
    await open('late', 3_600);
    expect(await pass(60)).toBeLessThanOrEqual(7);
    // In the middle of a rest.
    await pass(3);
    await open('soon', 4);
    await pass(3);
    expect(await isOver('soon')).toBe(false);
    await pass(2);
    expect(await isOver('soon')).toBe(true);
    await pass(3_600 - 60 - 3 - 5 - 1);
    expect(await isOver('late')).toBe(false);
    await pass(2);
    expect(await isOver('late')).toBe(true);
  });

  it('ends in time what is given an earlier end while the rows are being asked', async () => {
    const { repository, turns, time, open, pass, isOver } = world({ isLone: true });
    await open('first', 3_600);
    const dueIn = repository.dueIn.bind(repository);
    repository.dueIn = async (of) => {
      const due = await dueIn(of);
      repository.dueIn = dueIn;
      await repository.change('first', { expiresInSeconds: 2 });
      turns.lookAgain();
      return due;
    };
    time.nowMs += 1_000;
    await turns.turn(TERM);
    await pass(2);
    expect(await isOver('first')).toBe(true);
  });

  it('looks every second while a direct send is not over: answers end it, too', async () => {
    const { sends, repository, open, pass } = world({ isLone: true });
    await open('send', 3_600, 'direct');
    await pass(20);
    expect(sends.ledCount).toBe(20);
    await repository.end('send', 'delivered');
    await pass(1);
    expect(await pass(60)).toBeLessThanOrEqual(7);
    expect(sends.ledCount).toBe(20);
  });

  it('goes on at once when the database answers again', async () => {
    const { repository, open, pass, isOver } = world({ isLone: true });
    await open('soon', 5);
    await pass(1);
    repository.isUp = false;
    expect(await pass(10)).toBeGreaterThanOrEqual(5);
    repository.isUp = true;
    await pass(1);
    expect(await isOver('soon')).toBe(true);
  });
});

describe('the leader of a cluster', () => {
  it('makes one statement a second while nothing is due: others open transfers, too', async () => {
    const { repository, pass, isOver } = world({ isLone: false });
    expect(await pass(60)).toBe(60);
    // At another node.
    await insertTransfer(repository, { id: 'theirs', files: [{}], expiresInSeconds: 1 });
    await pass(1);
    expect(await isOver('theirs')).toBe(true);
  });
});

describe.each([
  ['of a node alone', true],
  ['of a cluster', false],
])('the expiry of rows %s', (_whose, isLone) => {
  const expiryOf = (uploadTtlSeconds: number) => {
    const { time, repository, open, pass } = world({ isLone, uploadTtlSeconds });
    const ended: string[] = [];
    const endExpired = repository.endExpired.bind(repository);
    repository.endExpired = async (options) => {
      const ids = await endExpired(options);
      ended.push(...ids);
      return ids;
    };
    /** @returns what the leader's turns ended. */
    const passed = async (seconds: number) => {
      await pass(seconds);
      return ended.splice(0);
    };
    return { time, repository, open, pass: passed };
  };

  it('ends what is over in time, and forgets ended rows after their 30 days', async () => {
    const { time, repository, open, pass } = expiryOf(7200);
    await open('short', 10);
    await open('left', 1e6);
    await open('long', 1e7);
    expect(await pass(9)).toEqual([]);
    expect(await pass(2)).toEqual(['short']);
    time.nowMs += 7_200_000;
    await repository.touch(['long']);
    expect(await pass(32)).toEqual(['left']);
    expect((await repository.findById('short'))?.transfer.endReason).toBe('expired');
    expect((await repository.findById('left'))?.transfer.endReason).toBe('aborted');
    time.nowMs += ENDED_ROW_KEPT_MS - 7_300_000;
    await pass(1);
    expect(await repository.findById('short')).not.toBeNull();
    time.nowMs += 7_400_000;
    await pass(1);
    expect(await repository.findById('short')).toBeNull();
    expect(await repository.findById('left')).toBeNull();
    expect(await repository.findById('long')).not.toBeNull();
  });

  it('takes no upload for abandoned until every home could say, after the database was away, that it moved', async () => {
    const { repository, open, pass } = expiryOf(100);
    await open('moving', 1e6);
    await open('left', 1e6);
    expect(await pass(40)).toEqual([]);
    repository.isUp = false;
    expect(await pass(200)).toEqual([]);
    repository.isUp = true;
    expect(await pass(20)).toEqual([]);
    // A home that comes late, too.
    await repository.touch(['moving']);
    expect(await pass(30)).toEqual(['left']);
  });

  it('takes no share for used up until every stream could say, after the database was away, that it moved', async () => {
    const { repository, open, pass } = expiryOf(100);
    await open('used up', 1e6);
    const file = { transferId: 'used up', fileIndex: 0, sizeBytes: 1024, digest: Buffer.alloc(32) };
    await repository.sealFile({ ...file, knownEpoch: 1, homeNodeId: 'node-a' });
    await pass(40);
    repository.isUp = false;
    await pass(200);
    repository.isUp = true;
    // As many downloads as were made, none.
    await repository.change('used up', { maxDownloads: 0 });
    expect(await pass(29)).toEqual([]);
    expect(await pass(3)).toEqual(['used up']);
    expect((await repository.findById('used up'))?.transfer.endReason).toBe('used_up');
  });

  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('takes no upload for abandoned because the clock was set %s, or the machine slept', async (_where, setMs) => {
    const { time, repository, open, pass } = expiryOf(100);
    await open('moving', 1e6);
    await open('left', 1e6);
    expect(await pass(60)).toEqual([]);
    await repository.touch(['moving', 'left']);
    time.setMs += setMs;
    expect(await pass(20)).toEqual([]);
    await repository.touch(['moving']);
    const ended = await pass(50);
    expect(ended).toEqual(setMs > 0 ? ['left'] : []);
  });

  it('takes no share for used up because the clock was set forward: its readers are still there', async () => {
    const { time, repository, open, pass } = expiryOf(100);
    await open('used up', 1e6);
    const file = { transferId: 'used up', fileIndex: 0, sizeBytes: 1024, digest: Buffer.alloc(32) };
    await repository.sealFile({ ...file, knownEpoch: 1, homeNodeId: 'node-a' });
    expect(await pass(60)).toEqual([]);
    time.setMs += 900_000;
    // As many downloads as were made, none.
    await repository.change('used up', { maxDownloads: 0 });
    expect(await pass(25)).toEqual([]);
    expect(await pass(20)).toEqual(['used up']);
  });
});
