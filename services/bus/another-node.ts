import { type ActionEndpoint, type Context, Strategies } from 'moleculer';

/** In turn; but a call that is asked again goes to another node than the one that did not answer, if there is one. */
export class AnotherNode extends Strategies.Base {
  #turn = 0;

  override select(endpoints: readonly ActionEndpoint[], ctx?: Context): ActionEndpoint {
    const { _retryAttempts: retries = 0 } = (ctx ?? {}) as { _retryAttempts?: number | null };
    const others = (retries ?? 0) > 0 ? endpoints.filter(({ id }) => id !== ctx?.nodeID) : [];
    const list = others.length > 0 ? others : endpoints;
    this.#turn = (this.#turn + 1) % list.length;
    return list[this.#turn] as ActionEndpoint;
  }
}
