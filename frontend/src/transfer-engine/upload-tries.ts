/** What an upload does about a fault that may pass: how often it tries again, where, and after how long. Pure. */
import { backoffMs } from './backoff.ts';
import { type Fault, isOfNode, type Remedy } from './fault.ts';
import type { UploadPhase } from './upload-phase.ts';

/** Failures in a row that are taken for a node that went away while others are there; then it looks like the line. */
const MOVES_IN_A_ROW = 4;
/** Another node may answer sooner than this one hopes to. */
const ASKED_PATIENCE_MS = 1_000;

export interface TriesConfig {
  /** Whether another node may take over from one that is lost, as far as is known now. */
  readonly hasOthers: () => boolean;
  /** Failures in a row without progress before the person is asked. */
  readonly maxRetries: number;
  readonly random: () => number;
}
export interface NextTry {
  /** `stalled`: there is none before the person says so. */
  readonly phase: Extract<UploadPhase, { readonly name: 'moving' | 'offline' | 'waiting' | 'stalled' }>;
  readonly waitMs: number;
}

export class UploadTries {
  readonly #config: TriesConfig;
  #failures = 0;
  #retries = 0;

  constructor(config: TriesConfig) {
    this.#config = config;
  }

  /** Something got through, or the person said to go on. */
  beginAnew(): void {
    this.#failures = 0;
    this.#retries = 0;
  }

  /** Another network: how long the old one failed says nothing about it. */
  forgetFailures(): void {
    this.#failures = 0;
  }

  /** How long until the next look where nothing failed: longer each time. */
  nextPauseMs(): number {
    return backoffMs(this.#failures++, this.#config.random);
  }

  /** @param remedy one of those that try again */
  after(fault: Fault, remedy: Extract<Remedy, 'reconnect' | 'wait' | 'retry'>): NextTry {
    const attempt = this.#failures++;
    const mayMove = this.#config.hasOthers() && attempt < MOVES_IN_A_ROW && isOfNode(fault);
    const wishedMs = fault.kind === 'problem' ? (fault.retryAfterMs ?? 0) : 0;
    const askedMs = mayMove ? Math.min(wishedMs, ASKED_PATIENCE_MS) : wishedMs;
    const waitMs = Math.max(askedMs, backoffMs(attempt, this.#config.random));
    if (mayMove) return { phase: { name: 'moving' }, waitMs };
    if (remedy === 'reconnect') return { phase: { name: 'offline' }, waitMs };
    if (remedy === 'wait') return { phase: { name: 'waiting', fault }, waitMs };
    const isUsedUp = ++this.#retries > this.#config.maxRetries;
    return { phase: { name: isUsedUp ? 'stalled' : 'waiting', fault }, waitMs };
  }
}
