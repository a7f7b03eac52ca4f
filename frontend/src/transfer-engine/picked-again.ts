/** The files that were picked again for unfinished uploads, which may take several picks: a folder each, say. */
import { type KnownFile, matchFiles, type PickedFile } from './match-files.ts';

export class PickedAgain {
  readonly #fingerprint: (file: File) => Promise<string>;
  /** By transfer, as many as there are unfinished uploads: one entry per known file. */
  readonly #found = new Map<string, readonly (File | null)[]>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(fingerprint: (file: File) => Promise<string>) {
    this.#fingerprint = fingerprint;
  }

  /**
   * What is there of `known` after this pick and those before it. A pick waits for the ones before it: reading many
   * files takes a while, and two at once would each miss what the other found.
   * @param isKept whether the next pick counts on this one
   */
  match(
    transferId: string,
    known: readonly KnownFile[],
    picked: readonly PickedFile[],
    isKept: boolean,
  ): Promise<readonly (File | null)[]> {
    const before = this.#turns.get(transferId) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => this.#matchNow(transferId, known, picked, isKept));
    this.#turns.set(transferId, turn);
    return turn;
  }

  forget(transferId: string): void {
    this.#found.delete(transferId);
    this.#turns.delete(transferId);
  }

  async #matchNow(
    transferId: string,
    known: readonly KnownFile[],
    picked: readonly PickedFile[],
    isKept: boolean,
  ): Promise<readonly (File | null)[]> {
    const found = [...(this.#found.get(transferId) ?? known.map(() => null))];
    const wanted = known.flatMap((file, index) => (found[index] ? [] : [{ file, index }]));
    const matches = await matchFiles(
      wanted.map(({ file }) => file),
      picked,
      this.#fingerprint,
    );
    wanted.forEach(({ index }, place) => {
      found[index] = matches[place] ?? null;
    });
    // Forgotten meanwhile: discarded, or begun.
    if (isKept && this.#turns.has(transferId)) this.#found.set(transferId, found);
    return found;
  }
}
