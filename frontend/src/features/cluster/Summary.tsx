import type { ReactNode } from 'react';
import type { OperatorOverview } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { headlineOf, shortId, standingOf, sumsOf } from './node-standing.ts';

const MOST_NAMED = 3;

/** How the cluster is, in a sentence that can be read from across the room, and its sums. */
export function Summary({ overview, children }: { readonly overview: OperatorOverview; readonly children: ReactNode }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster;
  const sums = sumsOf(overview);
  const isCluster = overview.mode === 'cluster';
  const { leader } = overview;
  // More than a few are better looked up in the table.
  const named = sums.troubled.length > MOST_NAMED ? [] : sums.troubled;
  const troubles = named.map(
    (node) => `${shortId(node.health.nodeId)} (${words.state[standingOf(node)].toLocaleLowerCase()})`,
  );
  return (
    <div className="flex flex-col gap-x-12 gap-y-6 2xl:flex-row 2xl:items-end 2xl:justify-between">
      <div className="min-w-0">
        <div className="flex flex-wrap items-center gap-x-4">
          <h1 className="text-base font-medium text-ink-soft">{words.title}</h1>
          {children}
        </div>
        <p className="text-3xl font-semibold tracking-[-0.03em] text-balance sm:text-4xl">
          {headlineOf(sums, messages, format)}
        </p>
        <p className="text-ink-soft">
          {!isCluster && words.headline.embedded}
          {isCluster && leader && words.headline.leads(shortId(leader.nodeId), format.count(leader.epoch))}
          {isCluster && !leader && <strong className="font-medium text-amber-ink">{words.headline.noLeader}</strong>}
          {troubles.length > 0 && (
            <strong className="font-medium text-amber-ink"> {words.headline.troubles(format.list(troubles))}</strong>
          )}
        </p>
      </div>
      <dl
        aria-label={words.totals.label}
        className="grid grid-cols-2 gap-x-8 gap-y-4 sm:grid-cols-3 lg:grid-cols-6 2xl:shrink-0 2xl:grid-cols-[repeat(3,148px)_repeat(3,104px)] 2xl:gap-x-6"
      >
        <Sum name={words.totals.in} value={format.rate(sums.bytesInPerSecond)} isRate />
        <Sum name={words.totals.out} value={format.rate(sums.bytesOutPerSecond)} isRate />
        {isCluster && <Sum name={words.totals.between} value={format.rate(sums.betweenPerSecond)} isRate />}
        <Sum name={words.totals.connections} value={format.count(sums.sockets)} />
        <Sum name={words.totals.transfers} value={format.count(overview.transferCount)} />
        {isCluster && (
          <Sum
            name={words.totals.singleCopies}
            value={format.count(overview.singleCopyCount)}
            isWaiting={overview.singleCopyCount > 0}
          />
        )}
      </dl>
    </div>
  );
}

function Sum({
  name,
  value,
  isRate = false,
  isWaiting = false,
}: {
  readonly name: string;
  readonly value: string;
  readonly isRate?: boolean;
  readonly isWaiting?: boolean;
}) {
  return (
    <div className="flex flex-col">
      <dt className="text-sm text-ink-soft">{name}</dt>
      <dd
        className={`tabular text-xl font-medium whitespace-nowrap ${isRate ? 'rate' : 'tracking-tight'} ${isWaiting ? 'text-amber-ink' : ''}`}
      >
        {value}
      </dd>
    </div>
  );
}
