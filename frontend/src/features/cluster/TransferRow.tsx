import { memo } from 'react';
import type { OperatorTransfer } from '../../../../services/contracts/operator.ts';
import type { Formatter } from '../../lib/format.ts';
import type { Messages } from '../../messages/en.ts';
import { useLanguage } from '../../messages/language.tsx';
import { shortId } from './node-standing.ts';
import { STRIP_HEIGHT, stripGap, stripPaths } from './strip-paths.ts';

/** Drawn anew only when its own values change: there may be two hundred. */
export const TransferRow = memo(function TransferRow({
  transfer,
  isMoving,
  isCluster,
}: {
  readonly transfer: OperatorTransfer;
  readonly isMoving: boolean;
  readonly isCluster: boolean;
}) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.transfers;
  const { state, endReason, readerCount } = transfer;
  return (
    <li className="line tabular flex flex-col gap-1.5 border-t border-hairline py-2.5 text-sm">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <span dir="ltr" className="font-mono">
          {shortId(transfer.id)}
        </span>
        <span className="text-ink-soft">{words.kind[transfer.kind]}</span>
        <span className={state === 'open' && !isMoving ? 'text-ink-soft' : ''}>
          {endReason === null ? words.state[state] : words.endReason[endReason]}
        </span>
        <span className="ms-auto text-end text-ink-soft">{sizeOf(transfer, messages, format)}</span>
      </div>
      <Cells transfer={transfer} isMoving={isMoving} />
      <div className="flex items-baseline gap-3 text-ink-soft">
        <Places transfer={transfer} isCluster={isCluster} />
        {readerCount > 0 && (
          <span className="ms-auto whitespace-nowrap text-ink">
            {words.readers(readerCount, format.count(readerCount))}
          </span>
        )}
      </div>
    </li>
  );
});

function sizeOf(transfer: OperatorTransfer, messages: Messages, format: Formatter): string {
  const words = messages.cluster.transfers;
  const { state, committedBytes, totalBytes } = transfer;
  if (totalBytes === null) {
    return committedBytes === null ? words.sizeUnknown : words.ofUnknown(format.size(committedBytes));
  }
  if (state === 'sealed') return format.size(totalBytes);
  if (committedBytes === null) return words.silentHome(format.size(totalBytes));
  return words.ofTotal(format.size(committedBytes), format.size(totalBytes));
}

/** Its chunks as the strip shows them, in one picture: a canvas for each of two hundred would be too much. */
function Cells({ transfer, isMoving }: { readonly transfer: OperatorTransfer; readonly isMoving: boolean }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.transfers;
  const { state, committedBytes, totalBytes, strip } = transfer;
  if (state === 'sealed') {
    return <div role="img" aria-label={words.progress(format.percent(1))} className="cells-sealed" />;
  }
  const share = committedBytes === null || totalBytes === null ? null : committedBytes / Math.max(1, totalBytes);
  const label = share === null ? words.progressUnknown : words.progress(format.percent(share));
  if (strip === null) {
    return (
      <div role="img" aria-label={label} className="cells">
        <div className="cells-filled" style={{ transform: `scaleX(${Math.min(1, share ?? 0)})` }} />
      </div>
    );
  }
  const { bare, landing, stored } = stripPaths(strip);
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${Math.max(1, strip.length) - stripGap(strip.length)} ${STRIP_HEIGHT}`}
      preserveAspectRatio="none"
      className={`h-3 w-full rtl:-scale-x-100 ${isMoving ? 'cells-moving' : ''}`}
    >
      <path d={bare} className="fill-cell" />
      <path d={landing} className={isMoving ? 'fill-accent' : 'fill-ink'} />
      <path d={stored} className="fill-ink" />
    </svg>
  );
}

/** Where it lies: home, and a copy that is in step, behind, or none. */
function Places({ transfer, isCluster }: { readonly transfer: OperatorTransfer; readonly isCluster: boolean }) {
  const { messages } = useLanguage();
  const words = messages.cluster.transfers;
  const { homeNodeId, replicaNodeId, isReplicaInSync, state } = transfer;
  if (state === 'ended') return null;
  return (
    <span className="truncate">
      {words.on(shortId(homeNodeId))}
      {isCluster && ' · '}
      {isCluster && replicaNodeId === null && <span className="text-amber-ink">{words.singleCopy}</span>}
      {isCluster && replicaNodeId !== null && isReplicaInSync && words.copyInSync(shortId(replicaNodeId))}
      {isCluster && replicaNodeId !== null && !isReplicaInSync && (
        <span className="text-amber-ink">{words.copyBehind(shortId(replicaNodeId))}</span>
      )}
    </span>
  );
}
