/** What the charts draw: rates over time, and an axis that ends at a round number. */
import type { NodeTraffic, TrafficHistory, TrafficSamples } from '../../../../services/contracts/http.ts';

export interface Rates {
  /** Seconds since 1970, ascending. */
  readonly times: readonly number[];
  /** Bytes a second. */
  readonly inward: readonly number[];
  readonly outward: readonly number[];
}

/** A reading of this moment, to go on from the last whole step. */
export type Now = Pick<NodeTraffic, 'bytesInPerSecond' | 'bytesOutPerSecond'>;

/** The samples of all nodes, or of one; undefined: it carried nothing in that time. */
export function samplesOf(history: TrafficHistory, nodeId: string | null): TrafficSamples | undefined {
  return nodeId === null ? history.total : history.nodes.find((node) => node.nodeId === nodeId);
}

/** @param now null: nothing is known of this moment */
export function ratesOf(history: TrafficHistory, nodeId: string | null, now: Now | null, nowSeconds: number): Rates {
  const { stepSeconds } = history;
  const samples = samplesOf(history, nodeId);
  const perSecond = (bytes: number) => bytes / stepSeconds;
  const inward = (samples?.clientBytesIn ?? []).map(perSecond);
  const outward = (samples?.clientBytesOut ?? []).map(perSecond);
  const endSeconds = Date.parse(history.endsAt) / 1000;
  // A sample stands in the middle of its step.
  const times = inward.map((_, index) => endSeconds - (inward.length - index - 0.5) * stepSeconds);
  if (now && nowSeconds > (times.at(-1) ?? 0)) {
    times.push(nowSeconds);
    inward.push(now.bytesInPerSecond);
    outward.push(now.bytesOutPerSecond);
  }
  return { times, inward, outward };
}

export function mostOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

const LEAST_TOP = 1_000;
const STEPS = [1, 2, 2.5, 5, 10];
const MOST_LINES = 4;

/** Round numbers from 0 to at least `most`, at most five of them. */
export function axisFor(most: number): readonly number[] {
  const top = Math.max(LEAST_TOP, most);
  const rough = top / MOST_LINES;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, index) => index * step);
}

/** A line through values of 0 to their largest, as the `d` of a path in a box of this size. */
export function sparkPath(values: readonly number[], width: number, height: number): string {
  const most = mostOf(values);
  if (values.length < 2) return '';
  const dx = width / (values.length - 1);
  const y = (value: number) => (most === 0 ? height : height - (value / most) * height);
  return values
    .map((value, index) => `${index === 0 ? 'M' : 'L'}${(index * dx).toFixed(1)} ${y(value).toFixed(1)}`)
    .join('');
}
