/**
 * Draws the strip on a canvas. Stored chunks are ink, chunks on their way are the accent, waiting ones are bare; a
 * cell that a chunk fell back in flashes amber once; at the seal the gaps close and the bar sinks into a line.
 */
import { fillOf, hasFallen, layoutStrip, presenceOf, type StripLayout } from './strip-layout.ts';

const LAND_MS = 160;
const FLASH_MS = 240;
const SEAL_MS = 240;
const LINE_PX = 4;
/** Thirty pictures a second are smooth enough for bars, and leave the machine to the bytes. */
const FRAME_MS = 30;

export interface StripPicture {
  readonly cells: Uint8Array;
  readonly isSealed: boolean;
  /** The person stopped it: chunks that fall back are no news. */
  readonly isPaused: boolean;
}
interface Palette {
  readonly ink: string;
  readonly cell: string;
  readonly accent: string;
  readonly amber: string;
}

export class StripPainter {
  readonly #canvas: HTMLCanvasElement;
  #picture: StripPicture = { cells: new Uint8Array(0), isSealed: false, isPaused: false };
  #layout: StripLayout = layoutStrip(1, 1);
  /** What is on the screen now, on its way to what should be. */
  #shownStored = new Float32Array(0);
  /** Of each cell when it was last drawn: what falls below it has lost a chunk. */
  #presence = new Float64Array(0);
  #chunkCount = 0;
  #flashUntilMs = new Float64Array(0);
  #seal = 0;
  #frame = 0;
  #lastMs = 0;
  #palette: Palette | null = null;
  isStill = false;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** A first picture appears as it is; later ones move there. */
  show(picture: StripPicture): void {
    const isFirst = this.#shownStored.length === 0;
    this.#picture = picture;
    this.#arrange(isFirst);
    this.#request();
  }

  resize(): void {
    this.#arrange(true);
    // A new size has cleared the canvas: it is painted before anybody sees that.
    this.stop();
    this.#lastMs = 0;
    this.#paint(performance.now());
  }

  recolour(): void {
    this.#palette = null;
    this.#request();
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #arrange(mustJump: boolean): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const density = window.devicePixelRatio || 1;
    const width = Math.round(clientWidth * density);
    const height = Math.round(clientHeight * density);
    // Setting a size clears the canvas and takes new memory, even if it is the same.
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    const layout = layoutStrip(this.#picture.cells.length, Math.max(1, clientWidth));
    const chunkCount = this.#picture.cells.length;
    // A file whose length nobody knows grows: the same cell stands for other chunks then.
    const isSameShape = this.#shownStored.length === layout.cellCount && this.#chunkCount === chunkCount;
    this.#layout = layout;
    this.#chunkCount = chunkCount;
    if (isSameShape && !mustJump) return;
    this.#shownStored = new Float32Array(layout.cellCount);
    this.#presence = new Float64Array(layout.cellCount);
    this.#flashUntilMs = new Float64Array(layout.cellCount);
    for (let index = 0; index < layout.cellCount; index++) {
      const fill = fillOf(this.#picture.cells, layout, index);
      this.#shownStored[index] = fill.stored;
      this.#presence[index] = presenceOf(fill);
    }
    this.#seal = this.#picture.isSealed ? 1 : 0;
  }

  #request(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame((nowMs) => this.#paint(nowMs));
  }

  #paint(nowMs: number): void {
    this.#frame = 0;
    const context = this.#canvas.getContext('2d');
    if (!context) return;
    if (nowMs - this.#lastMs < FRAME_MS) {
      this.#request();
      return;
    }
    const stepMs = Math.min(50, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    const sealGoal = this.#picture.isSealed ? 1 : 0;
    const sealStep = this.isStill ? 1 : stepMs / SEAL_MS;
    this.#seal = sealGoal > this.#seal ? Math.min(sealGoal, this.#seal + sealStep) : sealGoal;
    const density = this.#canvas.width / Math.max(1, this.#canvas.clientWidth);
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, this.#canvas.clientWidth, this.#canvas.clientHeight);
    if (this.#seal === 1) {
      // One stroke: cells side by side would leave seams between them.
      context.fillStyle = this.#colours().ink;
      context.fillRect(0, this.#canvas.clientHeight - LINE_PX, this.#canvas.clientWidth, LINE_PX);
      return;
    }
    let isMoving = this.#seal !== sealGoal;
    for (let index = 0; index < this.#layout.cellCount; index++) {
      if (this.#paintCell(context, index, nowMs, stepMs)) isMoving = true;
    }
    if (isMoving) this.#request();
  }

  /** True while this cell is not yet what it should be. */
  #paintCell(context: CanvasRenderingContext2D, index: number, nowMs: number, stepMs: number): boolean {
    const palette = this.#colours();
    const target = fillOf(this.#picture.cells, this.#layout, index);
    let shown = this.#shownStored[index] ?? 0;
    const step = this.isStill ? 1 : stepMs / LAND_MS;
    shown = target.stored > shown ? Math.min(target.stored, shown + step) : target.stored;
    this.#shownStored[index] = shown;
    const fellBack = hasFallen(this.#presence[index] ?? 0, target);
    if (fellBack && !this.isStill && !this.#picture.isPaused) this.#flashUntilMs[index] = nowMs + FLASH_MS;
    this.#presence[index] = presenceOf(target);

    const seal = 1 - (1 - this.#seal) ** 3;
    const heightPx = this.#canvas.clientHeight;
    const boxHeight = heightPx + (LINE_PX - heightPx) * seal;
    const gap = this.#layout.gapPx * (1 - seal);
    const left = index * this.#layout.pitchPx;
    const width = this.#layout.pitchPx - gap;
    const bottom = heightPx;
    const fill = (colour: string, fromShare: number, toShare: number) => {
      context.fillStyle = colour;
      context.fillRect(left, bottom - boxHeight * toShare, width, boxHeight * (toShare - fromShare));
    };
    fill(palette.cell, 0, 1);
    // What has just landed is still coloured as moving until its ink has risen over it.
    const moving = Math.min(1, target.stored + target.inFlight);
    if (moving > shown) fill(palette.accent, shown, moving);
    if (shown > 0) fill(palette.ink, 0, shown);
    const flashLeftMs = (this.#flashUntilMs[index] ?? 0) - nowMs;
    if (flashLeftMs > 0) {
      context.globalAlpha = flashLeftMs / FLASH_MS;
      fill(palette.amber, 0, 1);
      context.globalAlpha = 1;
    }
    return shown !== target.stored || flashLeftMs > 0;
  }

  #colours(): Palette {
    if (!this.#palette) {
      const style = getComputedStyle(this.#canvas);
      const read = (name: string) => style.getPropertyValue(name).trim();
      this.#palette = { ink: read('--ink'), cell: read('--cell'), accent: read('--accent'), amber: read('--amber') };
    }
    return this.#palette;
  }
}
