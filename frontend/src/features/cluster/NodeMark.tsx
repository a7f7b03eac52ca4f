import type { OperatorNode } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { standingOf, type Tone, toneOf } from './node-standing.ts';

const ARCS: Record<Tone, string> = { calm: 'stroke-ink', waiting: 'stroke-amber', loss: 'stroke-red' };

/** A node as an instrument: the ring around it is its load, and the leader's middle is filled. */
export function NodeMark({ node, isSmall }: { readonly node: OperatorNode; readonly isSmall: boolean }) {
  const { format } = useLanguage();
  const standing = standingOf(node);
  const isThere = standing !== 'silent' && standing !== 'left';
  const load = Math.min(1, Math.max(0, node.load));
  return (
    <svg aria-hidden="true" viewBox="0 0 56 56" className={isSmall ? 'size-10' : 'size-14'}>
      <circle cx="28" cy="28" r="28" className="fill-paper" />
      {node.isLeader && <circle cx="28" cy="28" r="19" className="fill-ink" />}
      <circle
        cx="28"
        cy="28"
        r="24.5"
        fill="none"
        strokeWidth={isThere ? 5 : 2}
        {...(isThere ? {} : { strokeDasharray: '4 4' })}
        className={standing === 'silent' ? 'stroke-red' : isThere ? 'stroke-cell' : 'stroke-hairline'}
      />
      {isThere && (
        <circle
          cx="28"
          cy="28"
          r="24.5"
          fill="none"
          strokeWidth="5"
          pathLength="100"
          strokeDasharray={`${Math.max(2, 100 * load)} 100`}
          transform="rotate(-90 28 28)"
          className={ARCS[toneOf(node)]}
        />
      )}
      {isThere && (
        <text
          x="28"
          y={isSmall ? 34.5 : 33.5}
          textAnchor="middle"
          className={`tabular font-medium ${isSmall ? 'text-[19px]' : 'text-[16px]'} ${node.isLeader ? 'fill-paper' : 'fill-ink'}`}
        >
          {format.count(Math.round(load * 100))}
        </text>
      )}
    </svg>
  );
}
