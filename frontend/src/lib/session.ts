/** The anonymous session and the server's limits: asked for once, kept for the page's life, asked again after a fault. */
import type { SessionResponse } from '../../../services/contracts/http.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { api } from './api.ts';

export type SessionState =
  | { readonly name: 'loading' }
  | { readonly name: 'ready'; readonly answer: SessionResponse }
  | { readonly name: 'failed'; readonly fault: Fault };

class Session {
  #state: SessionState = { name: 'loading' };
  #asking: Promise<Answered<SessionResponse>> | null = null;
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly read = (): SessionState => this.#state;

  /** The session, from memory when it is there. */
  async ensure(): Promise<Answered<SessionResponse>> {
    if (this.#state.name === 'ready') return { ok: true, value: this.#state.answer };
    this.#asking ??= api.session();
    const answer = await this.#asking;
    this.#asking = null;
    this.#set(answer.ok ? { name: 'ready', answer: answer.value } : { name: 'failed', fault: answer.fault });
    return answer;
  }

  /** The server does not know our cookie any more: the next `ensure` makes a new session. */
  forget(): void {
    this.#set({ name: 'loading' });
  }

  async rename(displayName: string): Promise<void> {
    const answer = await api.rename(displayName);
    if (answer.ok) this.#set({ name: 'ready', answer: answer.value });
  }

  #set(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export const session = new Session();
