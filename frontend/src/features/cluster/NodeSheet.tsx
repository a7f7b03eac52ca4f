import { useState } from 'react';
import type { OperatorNode, OperatorOverview } from '../../../../services/contracts/operator.ts';
import { CopyButton } from '../../components/ui/CopyButton.tsx';
import { Sheet } from '../../components/ui/Sheet.tsx';
import type { Formatter } from '../../lib/format.ts';
import type { Messages } from '../../messages/en.ts';
import { useLanguage } from '../../messages/language.tsx';
import { DrainPanel } from './DrainPanel.tsx';
import { GiveUpPanel } from './GiveUpPanel.tsx';
import { NodeState } from './NodeName.tsx';
import { figuresOf } from './node-figures.ts';
import { mayBeGivenUp, shortId, standingOf } from './node-standing.ts';
import { ThroughputChart } from './ThroughputChart.tsx';

/** All of one node: its figures, its last 15 minutes, and the way to empty it. */
export function NodeSheet({
  nodeId,
  overview,
  onClose,
}: {
  readonly nodeId: string;
  readonly overview: OperatorOverview;
  readonly onClose: () => void;
}) {
  const { messages } = useLanguage();
  const words = messages.cluster;
  const now = overview.nodes.find((node) => node.health.nodeId === nodeId);
  // The cluster forgets a node that left; what was known of it stays while somebody looks.
  const [last, setLast] = useState(now);
  if (now && now !== last) setLast(now);
  const node = now ?? last;
  if (!node) return null;
  return (
    <Sheet title={shortId(nodeId)} onClose={onClose}>
      <p className="-mt-3 text-sm">{now ? <NodeState node={node} /> : words.node.gone}</p>
      {now && standingOf(now) === 'silent' && <p className="text-sm text-ink-soft">{words.node.heardLast}</p>}
      {overview.mode === 'cluster' && <DrainPanel node={node} overview={overview} />}
      {now && mayBeGivenUp(now, overview) && <GiveUpPanel node={now} />}
      <ThroughputChart
        history={overview.history}
        nodeId={nodeId}
        now={node.traffic}
        at={overview.at}
        className="h-[160px]"
      />
      <Facts node={node} />
    </Sheet>
  );
}

function Facts({ node }: { readonly node: OperatorNode }) {
  const { messages, format } = useLanguage();
  const { nodeId } = node.health;
  return (
    <dl className="tabular flex flex-col text-sm">
      <Fact name={messages.cluster.nodes.node}>
        <span className="flex items-center gap-3">
          <span dir="ltr" className="font-mono">
            {nodeId}
          </span>
          <CopyButton
            variant="quiet"
            text={nodeId}
            label={messages.cluster.node.copyId}
            className="h-auto! px-0! text-sm! pointer-coarse:h-11!"
          />
        </span>
      </Fact>
      {factsOf(node, messages, format).map(([name, value]) => (
        <Fact key={name} name={name}>
          {value}
        </Fact>
      ))}
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div className="flex flex-wrap justify-between gap-x-6 border-t border-hairline py-1.5">
      <dt className="text-ink-soft">{name}</dt>
      <dd className="min-w-0 break-words text-end">{children}</dd>
    </div>
  );
}

function factsOf(
  node: OperatorNode,
  messages: Messages,
  format: Formatter,
): readonly (readonly [name: string, value: string])[] {
  const { nodes, node: words } = messages.cluster;
  const { health, traffic } = node;
  const figures = figuresOf(node, messages, format);
  const work = words.activityValue(
    format.count(traffic?.activeUploads ?? 0),
    format.count(traffic?.activeDownloads ?? 0),
  );
  return [
    [words.address, node.publicUrl ?? words.noAddress],
    [nodes.load, figures.load],
    [words.loop, words.loopValue(format.percent(health.eventLoopUse), figures.delay)],
    [words.memory, health.memoryBytes > 0 ? format.size(health.memoryBytes) : nodes.unknown],
    [nodes.disk, figures.disk],
    [words.reaches, reachOf(node, messages, format)],
    [nodes.connections, figures.connections],
    [words.activity, traffic === null ? nodes.unknown : work],
    [words.home, words.homeValue(node.homeCount, format.count(node.homeCount))],
    [nodes.uptime, figures.uptime],
    [nodes.version, figures.version],
  ];
}

function reachOf({ health, isAnswering }: OperatorNode, messages: Messages, format: Formatter): string {
  const words = messages.cluster.node;
  if (!isAnswering) return messages.cluster.nodes.unknown;
  const missing = [
    ...(health.isDatabaseUp ? [] : [words.database]),
    ...(health.isBusUp ? [] : [words.bus]),
    ...(health.isRedisUp ? [] : [words.redis]),
  ];
  return missing.length === 0 ? words.reachesAll : words.misses(format.list(missing));
}
