import type { OperatorOverview } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { NodeCard } from './NodeCard.tsx';
import { NodeRow } from './NodeRow.tsx';
import { IS_DESK, useMedia } from './use-media.ts';

/** Every node with its figures: a table on a desk, a list on a phone. */
export function NodesSection({
  overview,
  onOpen,
}: {
  readonly overview: OperatorOverview;
  readonly onOpen: (nodeId: string) => void;
}) {
  const { messages } = useLanguage();
  const words = messages.cluster.nodes;
  const isDesk = useMedia(IS_DESK);
  return (
    <section aria-labelledby="cluster-nodes" className="area-nodes flex min-w-0 flex-col gap-3">
      <h2 id="cluster-nodes" className="text-lg font-medium">
        {words.title}
      </h2>
      {overview.nodes.length === 0 && (
        <div>
          <p className="font-medium">{words.emptyTitle}</p>
          <p className="text-ink-soft">{words.emptyText}</p>
        </div>
      )}
      {overview.nodes.length > 0 &&
        (isDesk ? (
          <Table overview={overview} onOpen={onOpen} />
        ) : (
          <ul className="flex flex-col">
            {overview.nodes.map((node) => (
              <NodeCard key={node.health.nodeId} node={node} history={overview.history} onOpen={onOpen} />
            ))}
          </ul>
        ))}
    </section>
  );
}

function Table({
  overview,
  onOpen,
}: {
  readonly overview: OperatorOverview;
  readonly onOpen: (nodeId: string) => void;
}) {
  const { messages } = useLanguage();
  const words = messages.cluster.nodes;
  // Behind one address nodes have none of their own.
  const hasAddress = overview.nodes.some(({ publicUrl }) => publicUrl !== null);
  const figures = [words.load, words.delay, words.disk, words.connections, words.transfers, words.in, words.out];
  return (
    <table aria-labelledby="cluster-nodes" className="tabular w-full border-collapse text-sm">
      <thead>
        <tr className="border-b border-hairline text-ink-soft">
          <Head name={words.node} />
          <Head name={words.state} />
          {hasAddress && <Head name={messages.cluster.node.address} className="hidden 2xl:table-cell" />}
          {figures.map((name) => (
            <Head key={name} name={name} isFigure />
          ))}
          <Head name={words.history} className="hidden ps-8 xl:table-cell" />
          <Head name={words.uptime} isFigure className="hidden xl:table-cell" />
          <Head name={words.version} isFigure className="hidden xl:table-cell" />
        </tr>
      </thead>
      <tbody>
        {overview.nodes.map((node) => (
          <NodeRow
            key={node.health.nodeId}
            node={node}
            history={overview.history}
            hasAddress={hasAddress}
            onOpen={onOpen}
          />
        ))}
      </tbody>
    </table>
  );
}

function Head({
  name,
  isFigure = false,
  className = '',
}: {
  readonly name: string;
  readonly isFigure?: boolean;
  readonly className?: string;
}) {
  return (
    <th
      scope="col"
      className={`pe-4 pb-2 font-normal whitespace-nowrap last:pe-0 ${isFigure ? 'text-end' : 'text-start'} ${className}`}
    >
      {name}
    </th>
  );
}
