/** Streams to recipients of direct sends at this node, so that they end with the right to them. */
export class RecipientStreams {
  readonly #cuts = new Map<string, Set<() => void>>();

  /** @param cut ends the stream. @returns to be called when it has ended */
  add(transferId: string, sessionId: string, cut: () => void): () => void {
    const key = `${transferId} ${sessionId}`;
    const cuts = this.#cuts.get(key) ?? new Set();
    cuts.add(cut);
    this.#cuts.set(key, cuts);
    return () => {
      cuts.delete(cut);
      if (cuts.size === 0 && this.#cuts.get(key) === cuts) this.#cuts.delete(key);
    };
  }

  cut(transferId: string, sessionId: string): void {
    for (const cut of [...(this.#cuts.get(`${transferId} ${sessionId}`) ?? [])]) cut();
  }
}
