import { useMemo, useRef, useState } from 'react';
import type { OperatorNode, OperatorOverview } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { FlowTable } from './FlowTable.tsx';
import type { FlowPicture } from './flow-painter.ts';
import { NodeMark } from './NodeMark.tsx';
import { shortId, standingOf, TONE_TEXT, toneOf } from './node-standing.ts';
import { type NodeRoom, type Point, ringIn, type Side, sideOf, thicknessOf } from './ring-layout.ts';
import { useBox } from './use-box.ts';
import { useFlowPainter } from './use-flow-painter.ts';
import { useLeaving } from './use-leaving.ts';

/** More lines than this are a ball of wool; the thickest say what matters, the rest stands in the table. */
const MOST_LINES = 64;
/** More nodes than this stand close: only a name fits below each. */
const MOST_WIDE_NODES = 8;
const WIDE_ROOM: NodeRoom = { side: 104, above: 92, below: 92 };
const CLOSE_ROOM: NodeRoom = { side: 48, above: 66, below: 66 };
const MANY_ROOM: NodeRoom = { side: 92, above: 66, below: 66 };
/** Many on a phone: names stand in the list only. */
const BARE_ROOM: NodeRoom = { side: 22, above: 22, below: 22 };
const NARROW_PX = 560;

/** The nodes in a ring, and what flows between them. Each node is a button; the same in words stands below. */
export function Topology({
  overview,
  isStill,
  onOpen,
}: {
  readonly overview: OperatorOverview;
  /** What is shown is old: nothing runs. */
  readonly isStill: boolean;
  readonly onOpen: (nodeId: string) => void;
}) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.ring;
  const box = useRef<HTMLDivElement>(null);
  const { width, height } = useBox(box);
  const isMany = overview.nodes.length > MOST_WIDE_NODES;
  const isNarrow = width < NARROW_PX;
  const isClose = isMany || isNarrow;
  const isBare = isMany && isNarrow;
  const room = isBare ? BARE_ROOM : isMany ? MANY_ROOM : isClose ? CLOSE_ROOM : WIDE_ROOM;
  const shown = useLeaving(overview.nodes, nodeIdOf);
  const ids = overview.nodes.map(nodeIdOf).join(' ');
  const ring = useMemo(() => ringIn(width, height, room, ids === '' ? [] : ids.split(' ')), [width, height, room, ids]);
  const picture = useMemo<FlowPicture>(() => {
    const strongest = [...overview.flows].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond).slice(0, MOST_LINES);
    const flows = strongest.map((flow) => ({ ...flow, widthPx: thicknessOf(flow.bytesPerSecond, strongest.length) }));
    return { ring, flows };
  }, [ring, overview.flows]);
  const canvas = useFlowPainter(picture, isStill);
  const count = overview.nodes.length;

  return (
    <section aria-labelledby="cluster-ring" className="area-ring flex flex-col gap-3">
      <h2 id="cluster-ring" className="text-lg font-medium">
        {words.title}
      </h2>
      <div
        ref={box}
        className={`relative [overflow-clip-margin:8px] overflow-clip xl:flex-1 ${count < 2 ? 'h-[180px] sm:h-[240px]' : 'h-[340px] sm:h-[460px] xl:min-h-[480px]'}`}
      >
        <canvas
          ref={canvas}
          role="img"
          aria-label={words.label(
            words.nodes(count, format.count(count)),
            words.flows(overview.flows.length, format.count(overview.flows.length)),
          )}
          className="absolute inset-0 size-full"
        />
        {width > 0 &&
          shown.map(({ item, isLeaving }) => (
            <RingNode
              key={item.health.nodeId}
              node={item}
              place={ring.places.get(item.health.nodeId)}
              side={sideOf(ring.places.get(item.health.nodeId) ?? ring.centre, ring, isMany)}
              isLeaving={isLeaving}
              isClose={isClose}
              isBare={isBare}
              onOpen={onOpen}
            />
          ))}
      </div>
      <p className="text-sm text-ink-soft">
        {words.legendLoad} {count < 2 ? words.alone : overview.flows.length === 0 ? words.quiet : words.legendFlow}
      </p>
      <FlowTable flows={overview.flows} />
    </section>
  );
}

function nodeIdOf(node: OperatorNode): string {
  return node.health.nodeId;
}

const DIRECTIONS: Record<Side, string> = {
  above: 'flex-col-reverse text-center',
  below: 'flex-col text-center',
  left: 'flex-row-reverse gap-1.5 text-right',
  right: 'flex-row gap-1.5 text-left',
};

/** Moves a node so that the middle of its disc lies on its place. */
function shiftTo({ x, y }: Point, half: number, side: Side): string {
  if (side === 'left') return `translate(calc(${x + half}px - 100%), calc(${y}px - 50%))`;
  if (side === 'right') return `translate(${x - half}px, calc(${y}px - 50%))`;
  return `translate(calc(${x}px - 50%), ${side === 'above' ? `calc(${y + half}px - 100%)` : `${y - half}px`})`;
}

function RingNode({
  node,
  place,
  side,
  isLeaving,
  isClose,
  isBare,
  onOpen,
}: {
  readonly node: OperatorNode;
  /** Where it stands now; undefined: it is on its way out. */
  readonly place: Point | undefined;
  /** Where its words stand. */
  readonly side: Side;
  readonly isLeaving: boolean;
  readonly isClose: boolean;
  /** No words: they would lie on each other. */
  readonly isBare: boolean;
  readonly onOpen: (nodeId: string) => void;
}) {
  const { messages, format } = useLanguage();
  const words = messages.cluster;
  // One that leaves goes where it stood.
  const [last, setLast] = useState(place);
  if (place && place !== last) setLast(place);
  const stand = place ?? last ?? { x: 0, y: 0 };
  const standing = standingOf(node);
  const { nodeId } = node.health;
  const half = isClose ? 20 : 28;
  const label = node.isLeader ? words.ring.leaderLabel : words.ring.nodeLabel;
  const { traffic } = node;
  return (
    <button
      type="button"
      aria-label={label(shortId(nodeId), words.state[standing], format.percent(node.load))}
      aria-hidden={isLeaving}
      tabIndex={isLeaving ? -1 : 0}
      onClick={() => onOpen(nodeId)}
      style={{ transform: shiftTo(stand, half, side) }}
      className={`absolute top-0 left-0 flex items-center rounded-md text-sm transition-[transform,opacity] duration-[240ms] ease-out starting:opacity-0 ${
        isLeaving ? 'opacity-0' : ''
      } ${DIRECTIONS[side]} ${side === 'left' || side === 'right' ? '' : isClose ? 'w-[88px]' : 'w-[200px]'}`}
    >
      <NodeMark node={node} isSmall={isClose} />
      <span className={`flex-col ${isBare ? 'hidden' : 'flex'}`}>
        <span dir="ltr" className={`font-mono ${node.isLeader ? 'font-semibold' : ''}`}>
          {shortId(nodeId)}
        </span>
        {standing !== 'healthy' ? (
          <span className={`text-xs ${TONE_TEXT[toneOf(node)] || 'text-ink-soft'}`}>{words.state[standing]}</span>
        ) : (
          node.isLeader && <span className="text-xs text-ink-soft">{words.ring.leader}</span>
        )}
        {!isClose && traffic && (
          <span className="tabular text-xs whitespace-nowrap text-ink-soft">
            {words.ring.rates(format.rate(traffic.bytesInPerSecond), format.rate(traffic.bytesOutPerSecond))}
          </span>
        )}
      </span>
    </button>
  );
}
