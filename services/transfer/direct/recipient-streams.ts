/** Streams to recipients of direct sends at this node, so that they end with the right to them. */
export class RecipientStreams {
  /** By transfer, then by session. */
  readonly #cuts = new Map<string, Map<string, Set<() => void>>>();

  /** @param cut ends the stream. @returns to be called when it has ended */
  add(transferId: string, sessionId: string, cut: () => void): () => void {
    const bySession = this.#cuts.get(transferId) ?? new Map<string, Set<() => void>>();
    this.#cuts.set(transferId, bySession);
    const cuts = bySession.get(sessionId) ?? new Set();
    bySession.set(sessionId, cuts);
    cuts.add(cut);
    return () => {
      cuts.delete(cut);
      if (cuts.size === 0 && bySession.get(sessionId) === cuts) bySession.delete(sessionId);
      if (bySession.size === 0 && this.#cuts.get(transferId) === bySession) this.#cuts.delete(transferId);
    };
  }

  /** Who reads of this transfer here. */
  sessionsOf(transferId: string): readonly string[] {
    return [...(this.#cuts.get(transferId)?.keys() ?? [])];
  }

  cut(transferId: string, sessionId: string): void {
    for (const cut of [...(this.#cuts.get(transferId)?.get(sessionId) ?? [])]) cut();
  }
}
