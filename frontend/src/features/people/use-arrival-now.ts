import { useEffect, useSyncExternalStore } from 'react';
import type { OfferItem } from '../../../../services/contracts/people.ts';
import { live } from '../../lib/live.ts';
import { askUntilGranted } from '../../lib/retry.ts';
import { useStore } from '../../lib/store.ts';
import { useRate } from '../../lib/use-rate.ts';
import { waitsForSender } from '../../lib/waits-for-sender.ts';
import { serverClock } from '../../transfer-engine/server-clock.ts';
import { type ArrivalStage, arrivalStage, bytesHere, shareHere } from './arrival-view.ts';
import { type Arrival, accept, arrivalOf, arrivalStore } from './arrivals.ts';
import { type ArrivalStrip, useArrivalStrip } from './use-arrival.ts';

/** How far something is that was accepted. */
export interface ArrivalNow {
  readonly own: Arrival;
  readonly stage: ArrivalStage;
  /** Nothing more will come. */
  readonly isOver: boolean;
  /** Bytes on this device. */
  readonly here: number;
  readonly share: number;
  readonly strip: ArrivalStrip | null;
  readonly bytesPerSecond: number | null;
  /** For its sender, who has sent no more than is here. */
  readonly isWaiting: boolean;
}

export function useArrivalNow(item: OfferItem): ArrivalNow {
  const own = arrivalOf(useStore(arrivalStore), item.transferId);
  const stage = arrivalStage(item, own, serverClock.nowMs());
  const here = bytesHere(item, own, stage);
  const isOver = stage.name === 'received' || stage.name === 'over';
  const strip = useArrivalStrip(item, own.accepted, here);
  useRightToRead(item, own, isOver);
  const measured = useRate(here, stage.name === 'browser');
  const isHeard = useSyncExternalStore(live.subscribe, live.read) === 'connected';
  return {
    own,
    stage,
    isOver,
    here,
    share: shareHere(item, here, stage),
    strip,
    bytesPerSecond: stage.name === 'browser' ? measured : own.bytesPerSecond,
    isWaiting: waitsForSender(stage, here, strip?.readyBytes ?? null, isHeard),
  };
}

/** After a reload the right to read is asked for again, until it is there: without it there is no button to go on with. */
function useRightToRead(item: OfferItem, own: Arrival, isOver: boolean): void {
  const isMissing = own.accepted === null && !isOver;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked for once for each transfer
  useEffect(() => {
    return isMissing ? askUntilGranted(() => accept(item)) : undefined;
  }, [isMissing, item.transferId]);
}
