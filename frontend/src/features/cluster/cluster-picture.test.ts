import { describe, expect, it } from '@jest/globals';
import type { OperatorEvent, OperatorOverview, OperatorTransfer } from '../../../../services/contracts/operator.ts';
import { type ClusterPicture, changePicture, EVENTS_KEPT, mergeEvents, NOTHING_HEARD } from './cluster-picture.ts';

const AT = Date.UTC(2026, 10, 22, 12);

function event(number: number, kind: OperatorEvent['kind'] = 'joined'): OperatorEvent {
  const at = new Date(AT + number * 1000).toISOString();
  return {
    id: `e${String(number).padStart(4, '0')}`,
    at,
    kind,
    nodeId: 'a',
    otherNodeId: null,
    transferId: null,
    facts: [],
  };
}
function transfer(id: string, committedBytes: number | null): OperatorTransfer {
  return {
    ...{
      id,
      kind: 'share',
      state: 'open',
      endReason: null,
      homeNodeId: 'a',
      replicaNodeId: 'b',
      isReplicaInSync: true,
    },
    ...{
      epoch: 1,
      fileCount: 1,
      totalBytes: 100,
      committedBytes,
      strip: null,
      readerCount: 0,
      createdAt: new Date(AT).toISOString(),
    },
  };
}
function overview(parts: Partial<OperatorOverview> = {}): OperatorOverview {
  return {
    ...{ at: new Date(AT).toISOString(), clusterId: 'c', mode: 'cluster', leader: null, nodes: [], flows: [] },
    ...{ transfers: [], transferCount: 0, singleCopyCount: 0, events: [], history: null },
    ...parts,
  };
}
function hear(before: ClusterPicture, parts: Partial<OperatorOverview>, nowMs = 0): ClusterPicture {
  return changePicture(before, { type: 'heard', overview: overview(parts), nowMs });
}

describe('the picture of the cluster', () => {
  it('holds each event once, newest first, from answers that know different ones', () => {
    const one = hear(NOTHING_HEARD, { events: [event(3), event(1)] });
    const two = hear(one, { events: [event(4), event(3), event(2)] });
    expect(two.events.map(({ id }) => id)).toEqual(['e0004', 'e0003', 'e0002', 'e0001']);
  });

  it('keeps a bounded number of events, and the same list while nothing happened', () => {
    const many = Array.from({ length: EVENTS_KEPT + 50 }, (_, index) => event(index));
    const merged = mergeEvents([], many);
    expect(merged).toHaveLength(EVENTS_KEPT);
    expect(merged[0]).toEqual(event(EVENTS_KEPT + 49));
    expect(mergeEvents(merged, many.slice(-10))).toBe(merged);
  });

  it('keeps transfers that did not change as they are, so that nothing is drawn for them', () => {
    const one = hear(NOTHING_HEARD, { transfers: [transfer('x', 10), transfer('y', 10)] });
    const two = hear(one, { transfers: [transfer('x', 10), transfer('y', 20)] });
    expect(two.overview?.transfers[0]).toBe(one.overview?.transfers[0]);
    expect(two.overview?.transfers[1]).not.toBe(one.overview?.transfers[1]);
  });

  it('knows which transfers move: those that grew within three seconds', () => {
    const one = hear(NOTHING_HEARD, { transfers: [transfer('x', 10), transfer('y', null)] }, 1_000);
    expect(one.movedAtMs.size).toBe(0);
    const two = hear(one, { transfers: [transfer('x', 20), transfer('y', 5)] }, 2_000);
    expect([...two.movedAtMs.keys()]).toEqual(['x']);
    const still = { transfers: [transfer('x', 20), transfer('y', 5)] };
    expect([...hear(two, still, 4_900).movedAtMs.keys()]).toEqual(['x']);
    expect(hear(two, still, 5_000).movedAtMs.size).toBe(0);
  });

  it('keeps what was heard last while nobody answers, and says why', () => {
    const heard = hear(NOTHING_HEARD, { events: [event(1)] }, 7);
    const silent = changePicture(heard, { type: 'failed', fault: { kind: 'timeout' } });
    expect(silent).toEqual({ ...heard, fault: { kind: 'timeout' } });
    expect(hear(silent, {}, 8)).toMatchObject({ fault: null, heardAtMs: 8 });
  });

  it('holds nothing of the cluster for who is signed out, and tells who was signed in before', () => {
    const heard = hear(NOTHING_HEARD, { events: [event(1)] });
    const over = changePicture(heard, { type: 'signed_out', isByServer: true });
    expect(over).toEqual({ ...NOTHING_HEARD, access: 'signed_out', isOver: true });
    expect(changePicture(heard, { type: 'signed_out', isByServer: false }).isOver).toBe(false);
    // The first answer to a browser that never was signed in is no news.
    expect(changePicture(NOTHING_HEARD, { type: 'signed_out', isByServer: true }).isOver).toBe(false);
  });
});
