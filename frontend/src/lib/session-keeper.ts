/**
 * The anonymous session and the server's limits: asked for once, kept while the session lives, asked again after a
 * fault. Pure: server and clock come in through ports.
 */
import type { SessionResponse } from '../../../services/contracts/http.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { createStore } from './store.ts';

export type SessionState =
  | { readonly name: 'loading' }
  | { readonly name: 'ready'; readonly answer: SessionResponse }
  | { readonly name: 'failed'; readonly fault: Fault };

export interface SessionPorts {
  /** Makes a session or takes up the one of the cookie. */
  readonly open: () => Promise<Answered<SessionResponse>>;
  readonly rename: (displayName: string) => Promise<Answered<SessionResponse>>;
  readonly nowMs: () => number;
}

export class SessionKeeper {
  readonly #ports: SessionPorts;
  readonly #state = createStore<SessionState>({ name: 'loading' });
  #asking: Promise<Answered<SessionResponse>> | null = null;

  constructor(ports: SessionPorts) {
    this.#ports = ports;
  }

  readonly read = (): SessionState => this.#state.read();
  readonly subscribe = (listener: () => void): (() => void) => this.#state.subscribe(listener);

  /** Null while none is known. */
  get id(): string | null {
    const state = this.read();
    return state.name === 'ready' ? state.answer.session.id : null;
  }

  /** The session, from memory while it is known to live: what is sent under one that is over would be nobody's. */
  async ensure(): Promise<Answered<SessionResponse>> {
    const state = this.read();
    if (state.name === 'ready' && Date.parse(state.answer.session.expiresAt) > this.#ports.nowMs()) {
      return { ok: true, value: state.answer };
    }
    this.#asking ??= this.#ports.open();
    const answer = await this.#asking;
    this.#asking = null;
    if (answer.ok) this.#set({ name: 'ready', answer: answer.value });
    // Without the server nothing is taken away that is on the screen: a name, the limits.
    else if (this.read().name !== 'ready') this.#set({ name: 'failed', fault: answer.fault });
    return answer;
  }

  /** Asks for something of the session's own. One that ended behind our back is made anew, once. */
  async within<T>(ask: () => Promise<Answered<T>>): Promise<Answered<T>> {
    const known = await this.ensure();
    if (!known.ok) return known;
    const answer = await ask();
    if (answer.ok || answer.fault.kind !== 'problem' || answer.fault.type !== 'bad_token') return answer;
    this.forget();
    const renewed = await this.ensure();
    return renewed.ok ? await ask() : renewed;
  }

  /** The server does not know our cookie any more: the next `ensure` makes a new session. */
  forget(): void {
    this.#set({ name: 'loading' });
  }

  async rename(displayName: string): Promise<void> {
    const answer = await this.#ports.rename(displayName);
    if (answer.ok) this.#set({ name: 'ready', answer: answer.value });
  }

  #set(state: SessionState): void {
    this.#state.change(() => state);
  }
}
