/** Where nodes stand and how lines run between them, in CSS pixels of the drawing. */
export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface Ring {
  readonly centre: Point;
  readonly places: ReadonlyMap<string, Point>;
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

/** The largest ring in a box that leaves every node its room: clockwise from the top; two side by side, one in the middle. */
export function ringIn(width: number, height: number, room: NodeRoom, nodeIds: readonly string[]): Ring {
  const first = nodeIds.length === 2 ? Math.PI : FIRST_ANGLE;
  const angles = nodeIds.map((_, index) => first + (2 * Math.PI * index) / nodeIds.length);
  const across = span(angles.map(Math.cos), room.side, width - room.side);
  const down = span(angles.map(Math.sin), room.above, height - room.below);
  const places = angles.map((angle) => ({ x: across.at(Math.cos(angle)), y: down.at(Math.sin(angle)) }));
  return {
    centre: { x: across.at(0), y: down.at(0) },
    places: new Map(nodeIds.map((nodeId, index) => [nodeId, places[index] as Point])),
  };
}

/** Lays values from -1 to 1 out between two edges, as wide as they reach: a triangle fills a box as well as a circle. */
function span(values: readonly number[], from: number, to: number): { readonly at: (value: number) => number } {
  const least = Math.min(...values, 0);
  const most = Math.max(...values, 0);
  const room = Math.max(0, to - from);
  const extent = most - least;
  // All in one line: in the middle.
  if (values.length < 2 || extent < 0.01) return { at: () => (from + to) / 2 };
  const scale = room / extent;
  return { at: (value) => from + (value - least) * scale };
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
/** Both ways between four nodes. */
const MOST_THICK_LINES = 12;
/** Of half the ring's width: from there on nodes stand one below the other, and words between them have no room. */
const ASIDE_FROM = 0.7;
/** At this rate a line is seven tenths as thick as can be. */
const THICK_BYTES_PER_SECOND = 100_000_000;

/**
 * The same rate is always as thick, whatever else flows: a trickle is a thread, a gigabyte a second a band.
 * @param lineCount of all lines: many have to share the room
 */
export function thicknessOf(bytesPerSecond: number, lineCount: number): number {
  const share = Math.sqrt(bytesPerSecond / (bytesPerSecond + THICK_BYTES_PER_SECOND));
  const thickest = Math.max(4, THICKEST_PX / Math.max(1, Math.sqrt(lineCount / MOST_THICK_LINES)));
  return THINNEST_PX + (thickest - THINNEST_PX) * share;
}

export type Side = 'above' | 'below' | 'left' | 'right';

/** Where a node's words stand: outside of the ring, out of the way of the lines. */
export function sideOf(place: Point, ring: Ring, hasSides: boolean): Side {
  const xs = [...ring.places.values()].map(({ x }) => x);
  const halfWidth = (Math.max(...xs) - Math.min(...xs)) / 2;
  const across = place.x - ring.centre.x;
  if (hasSides && Math.abs(across) > halfWidth * ASIDE_FROM) return across < 0 ? 'left' : 'right';
  return place.y < ring.centre.y - 1 ? 'above' : 'below';
}
