import { useEffect, useMemo, useRef, useState } from 'react';
import type { TrafficHistory } from '../../../../services/contracts/http.ts';
import { useLanguage } from '../../messages/language.tsx';
import { RateChart } from './rate-chart.ts';
import { mostOf, type Now, type Rates, ratesOf } from './rates.ts';
import { useBox } from './use-box.ts';

/** Throughput in and out over 15 minutes up to now, of all nodes or of one; under the pointer, at that time. */
export function ThroughputChart({
  history,
  nodeId,
  now,
  at,
  className,
}: {
  readonly history: TrafficHistory | null;
  /** null: all of them. */
  readonly nodeId: string | null;
  readonly now: Now | null;
  /** Of the overview, ISO 8601. */
  readonly at: string;
  /** Its height, fixed: the chart fills it. */
  readonly className: string;
}) {
  const { tag, messages, format } = useLanguage();
  const words = messages.cluster.chart;
  const nowSeconds = Date.parse(at) / 1000;
  const rates = useMemo(
    () => (history ? ratesOf(history, nodeId, now, nowSeconds) : { times: [], inward: [], outward: [] }),
    [history, nodeId, now, nowSeconds],
  );
  const [pointed, setPointed] = useState<number | null>(null);
  const index = pointed !== null && pointed < rates.times.length ? pointed : rates.times.length - 1;
  const inward = format.rate(rates.inward[index] ?? 0);
  const outward = format.rate(rates.outward[index] ?? 0);
  const isNow = index === rates.times.length - 1;
  const label = words.label(inward, outward, format.rate(mostOf(rates.inward)), format.rate(mostOf(rates.outward)));
  return (
    <figure className="flex flex-col gap-2">
      <figcaption className="tabular flex flex-wrap items-center gap-x-5 text-sm">
        <Reading line="bg-ink h-0.5" name={words.in} value={inward} />
        <Reading line="bg-accent h-1" name={words.out} value={outward} />
        <span className="text-ink-soft">
          {isNow ? words.now : words.at(format.clock((rates.times[index] ?? 0) * 1000, 'second'))}
        </span>
      </figcaption>
      {history === null ? (
        <p className={`flex items-center text-amber-ink ${className}`}>{words.absent}</p>
      ) : (
        <Plot
          key={tag}
          rates={rates}
          nowSeconds={nowSeconds}
          label={label}
          className={className}
          onPoint={setPointed}
        />
      )}
    </figure>
  );
}

function Reading({ line, name, value }: { readonly line: string; readonly name: string; readonly value: string }) {
  return (
    <span className="inline-flex items-center gap-2">
      <span aria-hidden="true" className={`w-4 ${line}`} />
      <span className="text-ink-soft">{name}</span>
      <span className="rate min-w-[9ch] font-medium">{value}</span>
    </span>
  );
}

function Plot({
  rates,
  nowSeconds,
  label,
  className,
  onPoint,
}: {
  readonly rates: Rates;
  readonly nowSeconds: number;
  readonly label: string;
  readonly className: string;
  readonly onPoint: (index: number | null) => void;
}) {
  const { format } = useLanguage();
  const target = useRef<HTMLDivElement>(null);
  const chart = useRef<RateChart | null>(null);
  const { width, height } = useBox(target);
  useEffect(() => {
    if (!target.current) return;
    const current = new RateChart(target.current, target.current.clientHeight, format, onPoint);
    chart.current = current;
    const darkness = matchMedia('(prefers-color-scheme: dark)');
    const recolour = () => current.recolour();
    darkness.addEventListener('change', recolour);
    return () => {
      darkness.removeEventListener('change', recolour);
      current.destroy();
      chart.current = null;
    };
  }, [format, onPoint]);
  // Times and rates run from left to right in every language, as the drawing does.
  useEffect(() => chart.current?.show(rates, nowSeconds), [rates, nowSeconds]);
  useEffect(() => {
    if (width > 0) chart.current?.resize(width, height);
  }, [width, height]);
  return <div ref={target} dir="ltr" role="img" aria-label={label} className={`overflow-hidden ${className}`} />;
}
