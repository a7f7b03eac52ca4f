/** uPlot, dressed: bytes in and out over the last 15 minutes, in the page's colours and the person's locale. */
import uPlot from 'uplot';
import type { Formatter } from '../../lib/format.ts';
import { isolateForeign } from '../../messages/isolate.ts';
import { axisFor, mostOf, type Rates } from './rates.ts';

const SPAN_SECONDS = 15 * 60;
/** Wide enough for "999.9 MB/s": the drawing does not move when the numbers grow. Some languages have longer words. */
const RATE_AXIS_PX = 84;
const RATE_GAP_PX = 8;
const TIME_AXIS_PX = 30;
const BETWEEN_TIMES_PX = 90;
const FONT = '13px "Geist Variable", "Readex Pro Variable", system-ui, sans-serif';

/** @param texts null before there is anything to draw */
function widestPx(context: CanvasRenderingContext2D, texts: readonly string[] | null): number {
  context.save();
  context.font = FONT;
  const widths = (texts ?? []).map((text) => context.measureText(text).width);
  context.restore();
  return Math.ceil(Math.max(0, ...widths));
}

export class RateChart {
  readonly #plot: uPlot;
  #lines: readonly number[] = axisFor(0);
  #endSeconds = 0;

  /** @param onPoint told the index of the value under the pointer, null when it leaves */
  constructor(target: HTMLElement, height: number, format: Formatter, onPoint: (index: number | null) => void) {
    const colour = (name: string) => () => getComputedStyle(target).getPropertyValue(name);
    const axis = { stroke: colour('--ink-soft'), font: FONT, ticks: { show: false } };
    const grid = { stroke: colour('--hairline'), width: 1 };
    this.#plot = new uPlot(
      {
        width: target.clientWidth,
        height,
        padding: [12, 22, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
        scales: {
          x: { range: () => [this.#endSeconds - SPAN_SECONDS, this.#endSeconds] },
          y: { range: () => [0, this.#lines.at(-1) ?? 1] },
        },
        axes: [
          {
            ...axis,
            size: TIME_AXIS_PX,
            space: BETWEEN_TIMES_PX,
            grid: { show: false },
            values: (_plot, times) => times.map((time) => isolateForeign(format.clock(time * 1000, 'minute'))),
          },
          {
            ...axis,
            size: (plot, rates) => Math.max(RATE_AXIS_PX, widestPx(plot.ctx, rates) + RATE_GAP_PX),
            gap: RATE_GAP_PX,
            grid,
            splits: () => [...this.#lines],
            values: (_plot, rates) => rates.map((rate) => isolateForeign(format.rate(rate))),
          },
        ],
        series: [
          {},
          { stroke: colour('--accent'), fill: colour('--accent-wash'), width: 2, points: { show: false } },
          { stroke: colour('--ink'), width: 1.5, points: { show: false } },
        ],
      },
      [[], [], []],
      target,
    );
  }

  show({ times, inward, outward }: Rates, nowSeconds: number): void {
    this.#endSeconds = nowSeconds;
    this.#lines = axisFor(Math.max(mostOf(inward), mostOf(outward)));
    this.#plot.setData([[...times], [...outward], [...inward]]);
  }

  resize(width: number, height: number): void {
    if (width !== this.#plot.width || height !== this.#plot.height) this.#plot.setSize({ width, height });
  }

  recolour(): void {
    this.#plot.redraw(false, true);
  }

  destroy(): void {
    this.#plot.destroy();
  }
}
