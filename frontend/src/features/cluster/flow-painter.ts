/**
 * Draws what flows between the nodes: a ring, and on it a line a flow, as thick as its bytes, whose dashes run the way
 * the bytes go. Without motion the lines stand still and an arrowhead tells the way. It draws only while something
 * moves, thirty times a second.
 */
import { type Curve, curveBetween, pointOn, type Ring } from './ring-layout.ts';

export interface DrawnFlow {
  readonly fromNodeId: string;
  readonly toNodeId: string;
  readonly widthPx: number;
}
export interface FlowPicture {
  readonly ring: Ring;
  readonly flows: readonly DrawnFlow[];
}
interface ShownFlow {
  readonly fromNodeId: string;
  readonly toNodeId: string;
  widthPx: number;
  wantedPx: number;
}
interface Palette {
  readonly hairline: string;
  readonly accent: string;
}

const FRAME_MS = 25;
/** After this, two thirds of a change are done: all of it within the 240 ms of the nodes themselves. */
const EASE_MS = 70;
const DASH_PX = 10;
const GAP_PX = 9;
const DASHES_PX_PER_SECOND = 48;
const INVISIBLE_PX = 0.15;

export class FlowPainter {
  readonly #canvas: HTMLCanvasElement;
  readonly #places = new Map<string, { x: number; y: number }>();
  readonly #flows = new Map<string, ShownFlow>();
  #picture: FlowPicture | null = null;
  #palette: Palette | null = null;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastMs = 0;
  #phasePx = 0;
  #isStill = false;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  show(picture: FlowPicture): void {
    this.#picture = picture;
    this.#request();
  }

  /** Nothing runs: the person wants no motion, or what is shown is old. */
  setStill(isStill: boolean): void {
    if (isStill === this.#isStill) return;
    this.#isStill = isStill;
    this.#request();
  }

  recolour(): void {
    this.#palette = null;
    this.#request();
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    this.#timer = undefined;
  }

  #request(): void {
    if (this.#frame !== 0 || this.#timer !== undefined) return;
    // Frames are asked for as seldom as they are drawn: each costs the page more than its drawing.
    const waitMs = this.#isStill ? 0 : this.#lastMs + FRAME_MS - performance.now();
    if (waitMs <= 0) this.#frame = requestAnimationFrame((nowMs) => this.#draw(nowMs));
    else this.#timer = setTimeout(() => this.#next(), waitMs);
  }

  #next(): void {
    this.#timer = undefined;
    this.#frame = requestAnimationFrame((nowMs) => this.#draw(nowMs));
  }

  #draw(nowMs: number): void {
    this.#frame = 0;
    const sinceMs = nowMs - this.#lastMs;
    // After a pause nothing jumps.
    const stepMs = Math.min(sinceMs, 2 * FRAME_MS);
    this.#lastMs = nowMs;
    const isMoving = this.#advance(stepMs);
    this.#paint();
    if (!this.#isStill && (isMoving || this.#flows.size > 0)) this.#request();
  }

  /** Moves what is shown towards what should be; answers whether it is not there yet. */
  #advance(stepMs: number): boolean {
    if (!this.#picture) return false;
    const part = this.#isStill ? 1 : 1 - Math.exp(-stepMs / EASE_MS);
    this.#phasePx = (this.#phasePx + (DASHES_PX_PER_SECOND * stepMs) / 1000) % (DASH_PX + GAP_PX);
    return [this.#movePlaces(this.#picture, part), this.#moveFlows(this.#picture, part)].includes(true);
  }

  #movePlaces({ ring }: FlowPicture, part: number): boolean {
    let isMoving = false;
    for (const [nodeId, wanted] of ring.places) {
      const shown = this.#places.get(nodeId);
      if (!shown) {
        this.#places.set(nodeId, { ...wanted });
        continue;
      }
      shown.x += (wanted.x - shown.x) * part;
      shown.y += (wanted.y - shown.y) * part;
      if (Math.abs(wanted.x - shown.x) + Math.abs(wanted.y - shown.y) > 0.5) isMoving = true;
    }
    for (const nodeId of this.#places.keys()) if (!ring.places.has(nodeId)) this.#places.delete(nodeId);
    return isMoving;
  }

  #moveFlows({ flows }: FlowPicture, part: number): boolean {
    for (const shown of this.#flows.values()) shown.wantedPx = 0;
    for (const { fromNodeId, toNodeId, widthPx } of flows) {
      const key = `${fromNodeId} ${toNodeId}`;
      const shown = this.#flows.get(key);
      if (shown) shown.wantedPx = widthPx;
      else this.#flows.set(key, { fromNodeId, toNodeId, widthPx: 0, wantedPx: widthPx });
    }
    let isMoving = false;
    for (const [key, shown] of this.#flows) {
      shown.widthPx += (shown.wantedPx - shown.widthPx) * part;
      if (Math.abs(shown.wantedPx - shown.widthPx) > INVISIBLE_PX) isMoving = true;
      else if (shown.wantedPx === 0) this.#flows.delete(key);
    }
    return isMoving;
  }

  #paint(): void {
    const context = this.#fit();
    if (!context || !this.#picture) return;
    const { ring } = this.#picture;
    this.#palette ??= paletteOf(this.#canvas);
    this.#paintRing(context, ring, this.#palette.hairline);
    context.strokeStyle = this.#palette.accent;
    context.fillStyle = this.#palette.accent;
    for (const { fromNodeId, toNodeId, widthPx } of this.#flows.values()) {
      const from = this.#places.get(fromNodeId);
      const to = this.#places.get(toNodeId);
      if (from && to) this.#paintFlow(context, curveBetween(from, to, ring.centre), widthPx);
    }
  }

  /** From each node to the next one, so that what does not flow is a ring all the same. */
  #paintRing(context: CanvasRenderingContext2D, ring: Ring, colour: string): void {
    context.beginPath();
    for (const nodeId of ring.places.keys()) {
      const place = this.#places.get(nodeId);
      if (place) context.lineTo(place.x, place.y);
    }
    context.closePath();
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.stroke();
  }

  #paintFlow(context: CanvasRenderingContext2D, curve: Curve, widthPx: number): void {
    context.lineWidth = widthPx;
    context.beginPath();
    context.moveTo(curve.from.x, curve.from.y);
    context.quadraticCurveTo(curve.bend.x, curve.bend.y, curve.to.x, curve.to.y);
    context.globalAlpha = 0.22;
    context.stroke();
    context.globalAlpha = 1;
    if (this.#isStill) {
      paintArrow(context, curve, widthPx);
      return;
    }
    context.setLineDash([DASH_PX, GAP_PX]);
    context.lineDashOffset = -this.#phasePx;
    context.stroke();
    context.setLineDash([]);
  }

  /** The canvas at the size it is shown at, empty. */
  #fit(): CanvasRenderingContext2D | null {
    const { clientWidth, clientHeight } = this.#canvas;
    const density = window.devicePixelRatio || 1;
    const width = Math.round(clientWidth * density);
    const height = Math.round(clientHeight * density);
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    const context = this.#canvas.getContext('2d');
    if (!context) return null;
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    return context;
  }
}

function paintArrow(context: CanvasRenderingContext2D, curve: Curve, widthPx: number): void {
  const { x, y, angle } = pointOn(curve, 0.55);
  const size = 5 + widthPx;
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  context.beginPath();
  context.moveTo(size, 0);
  context.lineTo(-size * 0.7, -size * 0.8);
  context.lineTo(-size * 0.7, size * 0.8);
  context.fill();
  context.restore();
}

function paletteOf(canvas: HTMLCanvasElement): Palette {
  const style = getComputedStyle(canvas);
  return { hairline: style.getPropertyValue('--hairline'), accent: style.getPropertyValue('--accent') };
}
