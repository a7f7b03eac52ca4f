import { memo, useMemo } from 'react';
import type { TrafficHistory } from '../../../../services/contracts/http.ts';
import { useLanguage } from '../../messages/language.tsx';
import { mostOf, samplesOf, sparkPath } from './rates.ts';

const WIDTH = 120;
const HEIGHT = 24;

/** All that a node carried in 15 minutes, in a line of text. Drawn when the history changes, every ten seconds. */
export const Spark = memo(function Spark({
  history,
  nodeId,
}: {
  readonly history: TrafficHistory | null;
  readonly nodeId: string;
}) {
  const { messages, format } = useLanguage();
  const rates = useMemo(() => {
    const samples = history ? samplesOf(history, nodeId) : undefined;
    const step = history?.stepSeconds ?? 1;
    return (samples?.clientBytesIn ?? []).map((bytes, index) => (bytes + (samples?.clientBytesOut[index] ?? 0)) / step);
  }, [history, nodeId]);
  return (
    <svg
      role="img"
      aria-label={messages.cluster.chart.sparkLabel(format.rate(mostOf(rates)))}
      viewBox={`-1 -2 ${WIDTH + 2} ${HEIGHT + 3}`}
      className="h-6 w-28"
      preserveAspectRatio="none"
    >
      <path d={`M0 ${HEIGHT}H${WIDTH}`} className="stroke-hairline" strokeWidth="1" vectorEffect="non-scaling-stroke" />
      <path
        d={sparkPath(rates, WIDTH, HEIGHT)}
        fill="none"
        className="stroke-accent"
        strokeWidth="1.5"
        strokeLinejoin="round"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
});
