import type { NodeHealth, NodeReason, NodeState } from '../contracts/http.ts';
import type { Clock } from '../kernel/clock.ts';
import { type LifePhase, LoopDelay, type Measurements, reasonsOf, stateOf } from './health.ts';
import type { SystemProbe } from './ports.ts';

export interface StateChange {
  readonly nodeId: string;
  readonly state: NodeState;
  /** null: it had none. */
  readonly before: NodeState | null;
  readonly reasons: readonly NodeReason[];
  /** ISO 8601, by the clock that all nodes share. */
  readonly at: string;
}

/** Looks at this node now and then, remembers what it saw, and says when the state changes. */
export class NodeMonitor {
  readonly #nodeId: string;
  readonly #probe: SystemProbe;
  readonly #onChange: (change: StateChange) => void;
  readonly #clock: Clock;
  #phase: LifePhase = 'joining';
  #last: Measurements | null = null;
  #loopDelay = new LoopDelay();
  #reasons: readonly NodeReason[] = [];
  #toldState: NodeState | null = null;

  constructor(nodeId: string, probe: SystemProbe, onChange: (change: StateChange) => void, clock: Clock) {
    this.#nodeId = nodeId;
    this.#probe = probe;
    this.#onChange = onChange;
    this.#clock = clock;
  }

  /** One look. */
  async look(): Promise<void> {
    await this.#measure();
    this.#tell();
  }

  enter(phase: LifePhase): void {
    this.#phase = phase;
    if (phase === 'serving') this.#forgetStart();
    this.#tell();
  }

  get last(): Measurements | null {
    return this.#last;
  }

  /** As of the last look; looks first when there was none. */
  async health(): Promise<NodeHealth> {
    const found = this.#last ?? (await this.#measure());
    return {
      nodeId: this.#nodeId,
      state: stateOf(this.#phase, this.#reasons),
      reasons: this.#reasons,
      ...found,
      uptimeSeconds: this.#probe.uptimeSeconds(),
    };
  }

  /** How often the loop was slow at the start says nothing about the service: only the last look counts. */
  #forgetStart(): void {
    this.#loopDelay = new LoopDelay();
    if (this.#last) this.#reasons = reasonsOf(this.#last);
  }

  async #measure(): Promise<Measurements> {
    const found = await this.#probe.measure();
    const eventLoopDelayP99Ms = this.#loopDelay.look(found.eventLoopDelayP99Ms, this.#clock.monotonicMs());
    this.#last = found;
    this.#reasons = reasonsOf({ ...found, eventLoopDelayP99Ms });
    return found;
  }

  #tell(): void {
    const reasons = this.#reasons;
    const state = stateOf(this.#phase, reasons);
    const before = this.#toldState;
    if (state === before) return;
    this.#toldState = state;
    this.#onChange({ nodeId: this.#nodeId, state, before, reasons, at: new Date(this.#clock.now()).toISOString() });
  }
}
