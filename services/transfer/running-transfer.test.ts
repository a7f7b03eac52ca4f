import { describe, expect, it } from '@jest/globals';
import { transferRow } from '../../test/support/transfer-rows.ts';
import type { TransferRow } from './ports.ts';
import { RunningTransfer } from './running-transfer.ts';

const NOW_MS = Date.parse('2026-05-01T12:00:00Z');
const before = new Date(NOW_MS - 90_000);
const after = new Date(NOW_MS + 90_000);

function endedAs(changes: Partial<TransferRow>): RunningTransfer {
  return new RunningTransfer({ transfer: transferRow({ expiresAt: after, ...changes }), files: [] }, NOW_MS);
}

describe('what everybody is told of a transfer that is over', () => {
  it.each(['open', 'sealed', 'ended'] as const)('since when, once its time is over and its row says %s', (state) => {
    const endReason = state === 'ended' ? 'expired' : null;
    expect(endedAs({ state, endReason, expiresAt: before }).endFault(NOW_MS)).toMatchObject({
      type: 'expired',
      data: { endedAt: before.toISOString() },
    });
  });

  it('since now at the latest, where another node says that it has expired and the row is still to be read', () => {
    const transfer = endedAs({ state: 'sealed' });
    transfer.hearEnd('expired');
    expect(transfer.endFault(NOW_MS)).toMatchObject({ data: { endedAt: new Date(NOW_MS).toISOString() } });
  });

  it.each(['deleted', 'aborted', 'delivered', 'declined', 'left', 'digest_mismatch', 'node_lost'] as const)(
    'why, in words and as a value: %s',
    (endReason) => {
      const fault = endedAs({ state: 'ended', endReason }).endFault(NOW_MS);
      expect(fault).toMatchObject({ type: 'ended', data: { endReason } });
      expect(fault?.message).toMatch(/^[A-Z].+\.$/);
    },
  );

  it('no reason that nobody knows, and nothing at all before its end', () => {
    const transfer = endedAs({ state: 'sealed' });
    expect(transfer.endFault(NOW_MS)).toBeNull();
    transfer.hearEnd(null);
    expect(transfer.endFault(NOW_MS)).toMatchObject({ type: 'ended', data: undefined });
  });
});

describe('a share', () => {
  it('is served for ten minutes that passed since its row was read, whatever the clock was set to meanwhile', () => {
    let passedMs = 0;
    const row = transferRow({ state: 'sealed', expiresAt: new Date(NOW_MS + 24 * 3_600_000) });
    const transfer = new RunningTransfer({ transfer: row, files: [] }, NOW_MS, () => passedMs);
    for (const nowMs of [NOW_MS + 12 * 3_600_000, NOW_MS - 12 * 3_600_000])
      expect(() => transfer.assertReadable(nowMs)).not.toThrow();
    passedMs = 10 * 60_000 + 1;
    for (const nowMs of [NOW_MS, NOW_MS - 12 * 3_600_000])
      expect(() => transfer.assertReadable(nowMs)).toThrow(expect.objectContaining({ type: 'unavailable' }));
    transfer.learn(row);
    expect(() => transfer.assertReadable(NOW_MS)).not.toThrow();
  });
});
