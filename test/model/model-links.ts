import { PeerLinkError } from '../../services/contracts/errors.ts';
import { ChunkMap } from '../../services/transfer/chunk-map.ts';
import type {
  FrameAnswer,
  ReplicaChannel,
  ReplicaConnector,
  ReplicaFrame,
} from '../../services/transfer/replication/ports.ts';
import type { ModelNode, ModelProcess } from './model-node.ts';
import { SPENT } from './model-store.ts';
import type { Scheduler } from './scheduler.ts';

const PROBE_MS = 3_000;
const TRY_AGAIN_MS = 150;

/** How the network behaves, asked anew for each message. */
export interface Weather {
  readonly isCut: (a: string, b: string) => boolean;
  readonly isLost: () => boolean;
  readonly isDuplicated: () => boolean;
  readonly delayMs: () => number;
}

/** Messages between nodes, and replication sessions over them. */
export class ModelLinks {
  readonly #scheduler: Scheduler;
  readonly #weather: Weather;
  readonly #channels = new Set<ModelChannel>();
  onViolation: (what: string) => void = () => {};

  constructor(scheduler: Scheduler, weather: Weather) {
    this.#scheduler = scheduler;
    this.#weather = weather;
  }

  /**
   * Calls `run` with the process that lives at `to` then, or with null when none does. A message that is lost, or whose
   * way stays cut, never arrives.
   */
  deliver(label: string, from: string, to: ModelNode, run: (process: ModelProcess | null) => void): void {
    if (this.#weather.isLost()) {
      this.#scheduler.note(`lost: ${label}`);
      return;
    }
    const attempt = (delayMs: number, left: number) =>
      this.#scheduler.at(delayMs, label, to, () => {
        if (!this.#weather.isCut(from, to.id)) run(to.process);
        else if (left > 0) attempt(TRY_AGAIN_MS, left - 1);
      });
    attempt(this.#weather.delayMs(), 40);
    if (this.#weather.isDuplicated()) attempt(this.#weather.delayMs() * 10, 40);
  }

  /** "Probe of H refused, or 3 s unanswered." */
  probe(from: ModelProcess, to: ModelNode): Promise<boolean> {
    return new Promise((resolve) => {
      const silent = this.#scheduler.at(PROBE_MS, '', from, () => resolve(false));
      this.deliver(`ping ${from.node.id}>${to.id}`, from.node.id, to, (process) => {
        if (process === null) {
          this.#back(`refused ${to.id}>${from.node.id}`, to.id, from, () => {
            silent();
            resolve(false);
          });
          return;
        }
        this.#back(`pong ${to.id}>${from.node.id}`, to.id, from, () => {
          silent();
          resolve(true);
        });
      });
    });
  }

  connectorOf(from: ModelProcess, nodeOf: (id: string) => ModelNode): ReplicaConnector {
    return {
      open: ({ nodeId, transferId, epoch, signal }) =>
        new Promise((resolve, reject) => {
          const to = nodeOf(nodeId);
          const fail = (fault: unknown) => reject(fault);
          signal.addEventListener('abort', () => fail(broken()), { once: true });
          this.deliver(`open ${transferId} ${from.node.id}>${nodeId} e${epoch}`, from.node.id, to, (process) => {
            if (process === null) {
              this.#back(`refused ${nodeId}>${from.node.id}`, nodeId, from, () => fail(broken()));
              return;
            }
            process.replica.open({ transferId, fromNodeId: from.node.id, epoch }).then(
              (opened) => {
                const channel = new ModelChannel(this, this.#scheduler, this.#weather, from, process, {
                  transferId,
                  session: opened.session,
                  transfer: opened.transfer,
                  // A copy: what the wire carries is what was there then.
                  held: opened.held.map(([index, values]) => [index, values.slice()] as const),
                });
                this.#channels.add(channel);
                opened.signal.addEventListener('abort', () => channel.breakFromReplica());
                this.#back(`opened ${transferId} ${nodeId}>${from.node.id} ${opened.session}`, nodeId, from, () => {
                  if (signal.aborted) channel.close();
                  resolve(channel);
                });
              },
              (fault: unknown) => this.#back(`no session ${nodeId}>${from.node.id}`, nodeId, from, () => fail(fault)),
            );
          });
        }),
    };
  }

  /** A process is gone: its sockets are closed by its machine. */
  processDied(process: ModelProcess): void {
    for (const channel of this.#channels) channel.sideDied(process);
  }

  forget(channel: ModelChannel): void {
    this.#channels.delete(channel);
  }

  #back(label: string, from: string, to: ModelProcess, run: () => void): void {
    this.deliver(label, from, to.node, (process) => {
      if (process === to) run();
    });
  }
}

interface Opened {
  readonly transferId: string;
  readonly session: string;
  readonly transfer: Awaited<ReturnType<ModelProcess['replica']['open']>>['transfer'];
  readonly held: readonly (readonly [number, Uint8Array])[];
}

/** One session's connection. What was sent may arrive after it was closed, and twice. */
export class ModelChannel implements ReplicaChannel {
  readonly values: ReadonlyMap<number, ChunkMap>;
  readonly #links: ModelLinks;
  readonly #scheduler: Scheduler;
  readonly #weather: Weather;
  readonly #home: ModelProcess;
  readonly #replica: ModelProcess;
  readonly #opened: Opened;
  readonly #waiting = new Map<number, { resolve: (answer: FrameAnswer) => void; reject: (fault: Error) => void }>();
  #lastNumber = 0;
  #isClosed = false;

  constructor(
    links: ModelLinks,
    scheduler: Scheduler,
    weather: Weather,
    home: ModelProcess,
    replica: ModelProcess,
    opened: Opened,
  ) {
    this.#links = links;
    this.#scheduler = scheduler;
    this.#weather = weather;
    this.#home = home;
    this.#replica = replica;
    this.#opened = opened;
    this.values = new Map(opened.held.map(([index, values]) => [index, new ChunkMap(values)]));
  }

  send(frame: ReplicaFrame): Promise<FrameAnswer> {
    if (this.#isClosed) return Promise.reject(broken());
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const { transferId, session, transfer } = this.#opened;
    const bytes = frame.bytes.map((part) => Uint8Array.from(part));
    const from = this.#home.node.id;
    const to = this.#replica.node;
    const name = `${transferId} ${frame.fileIndex}/${frame.chunkIndex}=${frame.bytes[0]?.[0]} #${number} e${frame.epoch}`;
    this.#links.deliver(`frame ${name} ${from}>${to.id}`, from, to, (process) => {
      if (process !== this.#replica) return;
      // While the session lives the memory is lent to it: a socket would read it only now.
      if (!this.#isClosed && frame.bytes.some((part) => part.includes(SPENT)) && this.#waiting.has(number))
        this.#links.onViolation(`a frame is sent from memory that was given back: ${name}`);
      process.replica.store(transfer, { ...frame, session, number, bytes }).then(
        (answer) =>
          this.#links.deliver(`answer ${answer.kind} ${name} ${to.id}>${from}`, to.id, this.#home.node, (home) => {
            if (home === this.#home) this.#take(number, answer);
          }),
        (fault: unknown) => this.#links.onViolation(`the replica rejected a frame: ${String(fault)}`),
      );
    });
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#end();
    const { transferId, session } = this.#opened;
    this.#links.deliver(`end ${transferId} ${session}`, this.#home.node.id, this.#replica.node, (process) => {
      if (process === this.#replica) void process.replica.endSessionIf(transferId, session);
    });
  }

  /** The replica closed its side. */
  breakFromReplica(): void {
    this.#scheduler.at(this.#weather.delayMs(), '', this.#home, () => this.#end());
  }

  sideDied(process: ModelProcess): void {
    if (process === this.#home) {
      this.#isClosed = true;
      this.#links.forget(this);
      const { transferId, session } = this.#opened;
      this.#scheduler.at(this.#weather.delayMs(), '', this.#replica, () => {
        void this.#replica.replica.endSessionIf(transferId, session);
      });
    } else if (process === this.#replica && !this.#weather.isCut(this.#home.node.id, process.node.id)) {
      this.breakFromReplica();
    }
  }

  #take(number: number, answer: FrameAnswer): void {
    this.#waiting.get(number)?.resolve(answer);
    this.#waiting.delete(number);
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#links.forget(this);
    for (const { reject } of this.#waiting.values()) reject(broken());
    this.#waiting.clear();
  }
}

function broken(): PeerLinkError {
  return new PeerLinkError('unavailable', 'the connection broke');
}
