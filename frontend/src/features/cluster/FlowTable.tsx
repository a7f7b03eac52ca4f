import type { NodeFlow } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { shortId } from './node-standing.ts';

/** As many as somebody listens to; the rest is a number. */
const MOST_ROWS = 20;

/** The lines of the ring in words, for who does not see them. */
export function FlowTable({ flows }: { readonly flows: readonly NodeFlow[] }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.ring;
  if (flows.length === 0) return null;
  const strongest = [...flows].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond).slice(0, MOST_ROWS);
  const more = flows.length - strongest.length;
  return (
    <div className="sr-only">
      <table>
        <caption>{words.flowsTitle}</caption>
        <thead>
          <tr>
            <th scope="col">{words.from}</th>
            <th scope="col">{words.to}</th>
            <th scope="col">{words.rate}</th>
          </tr>
        </thead>
        <tbody>
          {strongest.map(({ fromNodeId, toNodeId, bytesPerSecond }) => (
            <tr key={`${fromNodeId} ${toNodeId}`}>
              <td>{shortId(fromNodeId)}</td>
              <td>{shortId(toNodeId)}</td>
              <td>{format.rate(bytesPerSecond)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p>{words.moreFlows(more, format.count(more))}</p>}
    </div>
  );
}
