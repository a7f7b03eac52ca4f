import { useState } from 'react';
import type { OperatorOverview } from '../../../../services/contracts/operator.ts';
import { Button } from '../../components/ui/Button.tsx';
import { useLanguage } from '../../messages/language.tsx';
import { TransferRow } from './TransferRow.tsx';
import { IS_DESK, useMedia } from './use-media.ts';

/** As many as are shown before all are asked for. */
const FEW = { phone: 8, desk: 40 };

/** What is sent, without names: what moves first. */
export function TransferList({
  overview,
  movedAtMs,
}: {
  readonly overview: OperatorOverview;
  readonly movedAtMs: ReadonlyMap<string, number>;
}) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.transfers;
  const isDesk = useMedia(IS_DESK);
  const [isAll, setIsAll] = useState(false);
  const { transfers, singleCopyCount } = overview;
  const isCluster = overview.mode === 'cluster';
  const few = isDesk ? FEW.desk : FEW.phone;
  const shown = isAll ? transfers : transfers.slice(0, few);
  return (
    <section aria-labelledby="cluster-transfers" className="area-transfers flex min-h-0 min-w-0 flex-col gap-3">
      <div className="tabular flex flex-wrap items-baseline gap-x-4">
        <h2 id="cluster-transfers" className="text-lg font-medium">
          {words.title}
        </h2>
        <p className="text-sm text-ink-soft">{words.summary(format.count(overview.transferCount))}</p>
        {isCluster && singleCopyCount > 0 && (
          <p className="text-sm font-medium text-amber-ink">
            {words.singles(singleCopyCount, format.count(singleCopyCount))}
          </p>
        )}
      </div>
      {transfers.length === 0 ? (
        <div>
          <p className="font-medium">{words.emptyTitle}</p>
          <p className="text-ink-soft">{words.emptyText}</p>
        </div>
      ) : (
        <section aria-label={words.listLabel} tabIndex={isDesk ? 0 : -1} className="fills">
          <ul className="grid lg:grid-cols-2 lg:gap-x-10 2xl:grid-cols-1">
            {shown.map((transfer) => (
              <TransferRow
                key={transfer.id}
                transfer={transfer}
                isMoving={movedAtMs.has(transfer.id)}
                isCluster={isCluster}
              />
            ))}
          </ul>
        </section>
      )}
      {transfers.length > few && (
        <Button className="self-start" onClick={() => setIsAll(!isAll)}>
          {isAll ? words.showFewer : words.showAll(format.count(transfers.length))}
        </Button>
      )}
    </section>
  );
}
