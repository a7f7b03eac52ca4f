/** Where nodes stand and how lines run between them, in CSS pixels of the drawing. */
export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface Ring {
  readonly centre: Point;
  readonly radiusX: number;
  readonly radiusY: number;
}
/** What a node takes up around the middle of its disc. */
export interface NodeRoom {
  readonly side: number;
  readonly above: number;
  readonly below: number;
}
/** A curve from one node to another: a quadratic Bézier's three points. */
export interface Curve {
  readonly from: Point;
  readonly bend: Point;
  readonly to: Point;
}

const FIRST_ANGLE = -Math.PI / 2;
/** Part of the way from the straight line to the middle of the ring. */
const INWARD = 0.35;
/** Of a line's length: both directions have their own side. */
const ASIDE = 0.1;

/** The largest ring in a box that leaves every node its room. */
export function ringIn(width: number, height: number, room: NodeRoom): Ring {
  return {
    centre: { x: width / 2, y: (height + room.above - room.below) / 2 },
    radiusX: Math.max(0, width / 2 - room.side),
    radiusY: Math.max(0, (height - room.above - room.below) / 2),
  };
}

/** A place for each, clockwise from the top; two stand side by side, one in the middle. */
export function placesIn(ring: Ring, nodeIds: readonly string[]): ReadonlyMap<string, Point> {
  const [only] = nodeIds;
  if (only !== undefined && nodeIds.length === 1) return new Map([[only, ring.centre]]);
  const first = nodeIds.length === 2 ? Math.PI : FIRST_ANGLE;
  return new Map(
    nodeIds.map((nodeId, index) => {
      const angle = first + (2 * Math.PI * index) / nodeIds.length;
      return [
        nodeId,
        { x: ring.centre.x + ring.radiusX * Math.cos(angle), y: ring.centre.y + ring.radiusY * Math.sin(angle) },
      ];
    }),
  );
}

/** Bent towards the middle and to its own right, so that there and back do not lie on each other. */
export function curveBetween(from: Point, to: Point, centre: Point): Curve {
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  return {
    from,
    to,
    bend: {
      x: middle.x + (centre.x - middle.x) * INWARD - (to.y - from.y) * ASIDE,
      y: middle.y + (centre.y - middle.y) * INWARD + (to.x - from.x) * ASIDE,
    },
  };
}

/** Place and direction (radians) at a share of a curve, 0 to 1. */
export function pointOn(curve: Curve, share: number): Point & { readonly angle: number } {
  const { from, bend, to } = curve;
  const rest = 1 - share;
  return {
    x: rest * rest * from.x + 2 * rest * share * bend.x + share * share * to.x,
    y: rest * rest * from.y + 2 * rest * share * bend.y + share * share * to.y,
    angle: Math.atan2(
      rest * (bend.y - from.y) + share * (to.y - bend.y),
      rest * (bend.x - from.x) + share * (to.x - bend.x),
    ),
  };
}

const THINNEST_PX = 1.5;
const THICKEST_PX = 14;
/** At this rate a line is seven tenths as thick as can be. */
const THICK_BYTES_PER_SECOND = 100_000_000;

/** The same rate is always as thick, whatever else flows: a trickle is a thread, a gigabyte a second a band. */
export function thicknessOf(bytesPerSecond: number): number {
  const share = Math.sqrt(bytesPerSecond / (bytesPerSecond + THICK_BYTES_PER_SECOND));
  return THINNEST_PX + (THICKEST_PX - THINNEST_PX) * share;
}
