import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { NodeTraffic, TrafficSamples } from '../../../services/contracts/http.ts';
import { OPERATOR_STRIP_CELLS } from '../../../services/contracts/limits.ts';
import type {
  NodeFlow,
  OperatorEvent,
  OperatorEventKind,
  OperatorNode,
  OperatorOverview,
  OperatorTransfer,
} from '../../../services/contracts/operator.ts';

export interface StreamSize {
  readonly nodes: number;
  readonly transfers: number;
  readonly seed: number;
}

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const BEGAN_MS = Date.UTC(2026, 10, 22, 12);
const STEPS = 90;
const STEP_SECONDS = 10;
const MOST_EVENTS = 200;
/** The overviews of a busy minute are as large as these, and as different from one second to the next. */
const EVENTS_A_SECOND = 3;
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const KINDS: readonly OperatorEventKind[] = [
  ...(['attached', 'in_sync', 'attached', 'in_sync', 'detached', 'state_changed', 'elected'] as const),
  ...(['promoted', 'repaired', 'drained', 'joined', 'gone', 'fenced', 'damaged'] as const),
];

/** Always the same numbers from the same seed, 0 to 1 (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a large cluster would tell an operator, second for second, the same for the same seed. */
export class RecordedStream {
  readonly #random: () => number;
  readonly #nodeIds: readonly string[];
  readonly #size: StreamSize;
  #transfers: OperatorTransfer[];
  #events: OperatorEvent[] = [];
  #second = 0;
  #history: { readonly nodeId: string; readonly samples: { in: number[]; out: number[]; peer: number[] } }[];

  constructor(size: StreamSize) {
    this.#size = size;
    this.#random = randomOf(size.seed);
    this.#nodeIds = Array.from({ length: size.nodes }, () => this.#id(12)).sort();
    this.#transfers = Array.from({ length: size.transfers }, (_, index) => this.#newTransfer(index % 3 !== 2));
    const past = (mostBytes: number) =>
      Array.from({ length: STEPS }, (_, step) =>
        Math.round(mostBytes * (0.6 + 0.4 * Math.sin(step / 9)) * this.#random()),
      );
    this.#history = this.#nodeIds.map((nodeId) => ({
      nodeId,
      samples: { in: past(400 * MIB), out: past(900 * MIB), peer: past(300 * MIB) },
    }));
    for (let count = 0; count < 40; count += 1) this.#addEvent();
  }

  /** The next second. */
  next(): OperatorOverview {
    this.#second += 1;
    if (this.#second % STEP_SECONDS === 0) this.#nextStep();
    this.#transfers = this.#transfers.map((transfer) => this.#move(transfer));
    for (let count = 0; count < EVENTS_A_SECOND; count += 1) this.#addEvent();
    // A node is away for some seconds of every quarter of a minute: the ring closes and opens.
    const isAway = this.#second % 15 > 10;
    const present = isAway ? this.#nodeIds.slice(0, -1) : this.#nodeIds;
    const leaderIndex = Math.floor(this.#second / 20) % present.length;
    return {
      at: this.#at(),
      clusterId: 'recorded',
      mode: 'cluster',
      leader: { nodeId: present[leaderIndex] as string, epoch: 7 + Math.floor(this.#second / 20) },
      nodes: present.map((nodeId, index) => this.#node(nodeId, index === leaderIndex)),
      flows: this.#flows(present),
      transfers: this.#transfers,
      transferCount: this.#transfers.filter(({ state }) => state !== 'ended').length,
      singleCopyCount: this.#transfers.filter(({ replicaNodeId }) => replicaNodeId === null).length,
      events: this.#events,
      history: this.#told(),
    };
  }

  #at(): string {
    return new Date(BEGAN_MS + this.#second * 1000).toISOString();
  }

  #id(length: number): string {
    return Array.from({ length }, () => ALPHABET[Math.floor(this.#random() * ALPHABET.length)]).join('');
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }

  #newTransfer(isOpen: boolean): OperatorTransfer {
    const totalBytes = Math.round(this.#random() * 4 * GIB) + MIB;
    const committedBytes = isOpen ? Math.round(totalBytes * this.#random() * 0.5) : totalBytes;
    const homeNodeId = this.#pick(this.#nodeIds);
    const replica = this.#pick(this.#nodeIds);
    const replicaNodeId = replica === homeNodeId ? null : replica;
    return {
      id: this.#id(22),
      kind: this.#random() < 0.3 ? 'direct' : 'share',
      state: isOpen ? 'open' : 'sealed',
      endReason: null,
      homeNodeId,
      replicaNodeId,
      isReplicaInSync: replicaNodeId !== null && this.#random() < 0.9,
      epoch: 1,
      fileCount: 1 + Math.floor(this.#random() * 40),
      totalBytes,
      committedBytes,
      strip: isOpen ? this.#grown('0'.repeat(OPERATOR_STRIP_CELLS), committedBytes / totalBytes) : null,
      readerCount: Math.floor(this.#random() * 4),
      createdAt: this.#at(),
    };
  }

  #move(transfer: OperatorTransfer): OperatorTransfer {
    if (transfer.state !== 'open') return { ...transfer };
    const total = transfer.totalBytes ?? 0;
    const committedBytes = Math.min(total, (transfer.committedBytes ?? 0) + Math.round(this.#random() * 64 * MIB));
    if (committedBytes === total) return this.#newTransfer(true);
    return { ...transfer, committedBytes, strip: this.#grown(transfer.strip ?? '', committedBytes / total) };
  }

  /** Chunks land out of order: places are filled at random until as much is there as should be. */
  #grown(strip: string, share: number): string {
    const cells = Array.from(strip, Number);
    for (let missing = Math.round(share * 9 * cells.length) - cells.reduce((a, b) => a + b, 0); missing > 0; ) {
      const cell = Math.floor(this.#random() * cells.length);
      const step = Math.min(missing, 9 - (cells[cell] ?? 9), 4);
      cells[cell] = (cells[cell] ?? 9) + step;
      missing -= step;
    }
    return cells.join('');
  }

  #node(nodeId: string, isLeader: boolean): OperatorNode {
    const load = this.#random();
    const state = load > 0.93 ? 'degraded' : 'healthy';
    const sums = this.#history.find((one) => one.nodeId === nodeId)?.samples;
    const traffic: NodeTraffic = {
      nodeId,
      clientBytesIn: sums?.in.at(-1) ?? 0,
      clientBytesOut: sums?.out.at(-1) ?? 0,
      peerBytes: sums?.peer.at(-1) ?? 0,
      bytesInPerSecond: Math.round(this.#random() * 40 * MIB),
      bytesOutPerSecond: Math.round(this.#random() * 90 * MIB),
      activeUploads: Math.floor(this.#random() * 9),
      activeDownloads: Math.floor(this.#random() * 9),
      openTransfers: Math.floor(this.#random() * 20),
      sockets: Math.floor(this.#random() * 400),
    };
    return {
      health: {
        ...{ nodeId, state, reasons: state === 'degraded' ? [{ what: 'slow_loop' as const, delayMs: 240 }] : [] },
        ...{ eventLoopDelayP99Ms: 4 + load * 60, eventLoopUse: load, memoryBytes: 200 * MIB },
        ...{ diskFreeBytes: 300 * GIB, diskTotalBytes: 900 * GIB },
        ...{ isDatabaseUp: true, isBusUp: true, isRedisUp: true, uptimeSeconds: 90_000 + this.#second },
      },
      ...{ publicUrl: null, isLeader, isAnswering: load > 0.02, isGivenUp: false, load, traffic, version: '2.0.0' },
      homeCount: this.#transfers.filter(({ homeNodeId }) => homeNodeId === nodeId).length,
    };
  }

  /** About three lines a node, other ones from time to time. */
  #flows(nodeIds: readonly string[]): readonly NodeFlow[] {
    const flows = new Map<string, NodeFlow>();
    const shift = Math.floor(this.#second / 6);
    nodeIds.forEach((fromNodeId, index) => {
      for (const step of [1, 5, 7]) {
        const toNodeId = nodeIds[(index + step + shift) % nodeIds.length] as string;
        if (toNodeId === fromNodeId) continue;
        const bytesPerSecond = Math.round(this.#random() ** 3 * 400 * MIB);
        flows.set(`${fromNodeId} ${toNodeId}`, { fromNodeId, toNodeId, bytesPerSecond });
      }
    });
    return [...flows.values()];
  }

  #addEvent(): void {
    const kind = this.#pick(KINDS);
    const isOfTransfer = ['attached', 'in_sync', 'detached', 'promoted', 'repaired', 'damaged', 'fenced'].includes(
      kind,
    );
    const event: OperatorEvent = {
      id: this.#id(16),
      at: this.#at(),
      kind,
      nodeId: this.#pick(this.#nodeIds),
      otherNodeId: this.#pick(this.#nodeIds),
      transferId: isOfTransfer ? this.#pick(this.#transfers).id : null,
      facts: kind === 'elected' ? [{ what: 'epoch', epoch: 8 }] : [],
    };
    this.#events = [event, ...this.#events].slice(0, MOST_EVENTS);
  }

  #nextStep(): void {
    for (const { samples } of this.#history) {
      for (const values of [samples.in, samples.out, samples.peer]) {
        values.shift();
        values.push(Math.round(this.#random() * 600 * MIB));
      }
    }
  }

  #told(): OperatorOverview['history'] {
    const nodes = this.#history.map(({ nodeId, samples }) => ({
      nodeId,
      clientBytesIn: [...samples.in],
      clientBytesOut: [...samples.out],
      peerBytes: [...samples.peer],
    }));
    const sum = (of: keyof TrafficSamples) =>
      Array.from({ length: STEPS }, (_, step) => nodes.reduce((total, node) => total + (node[of][step] ?? 0), 0));
    const endsAt = new Date(BEGAN_MS + Math.floor(this.#second / STEP_SECONDS) * STEP_SECONDS * 1000).toISOString();
    const total = {
      clientBytesIn: sum('clientBytesIn'),
      clientBytesOut: sum('clientBytesOut'),
      peerBytes: sum('peerBytes'),
    };
    return { endsAt, stepSeconds: STEP_SECONDS, total, nodes };
  }

  get size(): StreamSize {
    return this.#size;
  }
}

/** Answers the page's questions for the overview from a stream, made before they come: the test asks no server. */
export async function play(page: Page, stream: RecordedStream): Promise<{ readonly answers: () => number }> {
  let answers = 0;
  await page.route('**/api/operator/overview', async (route) => {
    answers += 1;
    const body = JSON.stringify(stream.next());
    await delay(20);
    await route.fulfill({ status: 200, contentType: 'application/json', body });
  });
  return { answers: () => answers };
}
