/**
 * Which node to send to. Pure: what is known of the nodes goes in, addresses in the order of preference come out.
 */
import type { PublicNode } from '../../../services/contracts/http.ts';

export interface NodeKnowledge {
  readonly nodes: readonly PublicNode[];
  /** Node whose disk holds the transfer; null while nobody has said. */
  readonly homeNodeId: string | null;
  /** The page's own origin, by which a node or a proxy before all of them is reached. */
  readonly ownOrigin: string;
  /** Measured round trips, by address. */
  readonly roundTripMs: ReadonlyMap<string, number>;
  /** Addresses to begin with, before any node was asked for the others. */
  readonly seeds: readonly string[];
}

/** The page's own origin as an address: requests there carry no host of their own. */
export const OWN = '';

/** Below this a node has nothing to complain of: twice nearly nothing is no load. */
const NOTABLE_LOAD = 0.25;
const OVERLOADED_TIMES_MEDIAN = 2;
/** Round trips that differ by less than this are alike. */
const ALIKE_MS = 10;
const ALIKE_TIMES = 1.5;

interface Candidate {
  readonly address: string;
  readonly load: number;
  /** The lower the better: see `standingOf`. */
  readonly standing: number;
  readonly roundTripMs: number;
}

/**
 * Every address that may take this transfer's chunks, the best first: the home itself, then the nearest of those below
 * twice the median load (of several alike the least loaded), then the loaded ones, and at the end those that leave.
 */
export function rankAddresses(knowledge: NodeKnowledge): readonly string[] {
  const { nodes, ownOrigin, seeds, roundTripMs } = knowledge;
  const medianLoad = medianOf(nodes.filter(isServing).map((node) => node.load));
  const candidates = new Map<string, Candidate>();
  const add = (address: string, load: number, standing: number) => {
    const measured = roundTripMs.get(address) ?? Number.POSITIVE_INFINITY;
    candidates.set(address, { address, load, standing, roundTripMs: measured });
  };
  // A proxy leads to some node: taken for a middling one, until the list says that it is a node itself.
  add(OWN, medianLoad, STANDING.near);
  for (const node of nodes) {
    if (node.publicUrl === null) continue;
    const address = node.publicUrl === ownOrigin ? OWN : node.publicUrl;
    add(address, node.load, standingOf(node, knowledge.homeNodeId, medianLoad));
  }
  for (const seed of seeds) {
    if (seed !== ownOrigin && !candidates.has(seed)) add(seed, medianLoad, STANDING.unknown);
  }
  return inOrder([...candidates.values()]);
}

/** Whether new runs should go elsewhere although this address may still answer: its node drains or has gone. */
export function isLeaving(address: string, { nodes, ownOrigin }: Pick<NodeKnowledge, 'nodes' | 'ownOrigin'>): boolean {
  const origin = address === OWN ? ownOrigin : address;
  const node = nodes.find(({ publicUrl }) => publicUrl === origin);
  return node !== undefined && !isServing(node);
}

export function isServing(node: PublicNode): boolean {
  return node.state === 'healthy' || node.state === 'degraded';
}

const STANDING = { home: 0, near: 1, loaded: 2, unwell: 3, unknown: 4, leaving: 5, left: 6 } as const;

function standingOf(node: PublicNode, homeNodeId: string | null, medianLoad: number): number {
  if (node.state === 'left') return STANDING.left;
  if (node.state === 'draining') return STANDING.leaving;
  if (node.state === 'joining') return STANDING.unknown;
  if (node.id === homeNodeId) return STANDING.home;
  if (node.state === 'degraded') return STANDING.unwell;
  const isLoaded = node.load >= NOTABLE_LOAD && node.load >= OVERLOADED_TIMES_MEDIAN * medianLoad;
  return isLoaded ? STANDING.loaded : STANDING.near;
}

function medianOf(loads: readonly number[]): number {
  const sorted = [...loads].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

function inOrder(candidates: readonly Candidate[]): readonly string[] {
  const nearestMs = Math.min(...candidates.filter(isNear).map(({ roundTripMs }) => roundTripMs));
  const alikeMs = nearestMs * ALIKE_TIMES + ALIKE_MS;
  // What is as near as the nearest is told apart by its load; beyond that distance decides.
  const distanceOf = ({ roundTripMs }: Candidate) => (roundTripMs <= alikeMs ? 0 : roundTripMs);
  return [...candidates]
    .sort(
      (a, b) =>
        a.standing - b.standing ||
        compare(isNear(a) ? distanceOf(a) : 0, isNear(b) ? distanceOf(b) : 0) ||
        a.load - b.load ||
        compare(a.roundTripMs, b.roundTripMs),
    )
    .map(({ address }) => address);
}

function isNear({ standing }: Candidate): boolean {
  return standing === STANDING.near;
}

/** Two that were never measured are infinitely far and alike. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
