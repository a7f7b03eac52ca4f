/** The titles that the parts on the screen ask for; the innermost one stands in the tab. */
export class TitleStack {
  readonly #titles = new Map<number, string>();
  readonly #outermost: string;
  #lastPlace = 0;

  constructor(outermost: string) {
    this.#outermost = outermost;
  }

  /** A place within all that were taken before. */
  takePlace(): number {
    this.#lastPlace += 1;
    return this.#lastPlace;
  }

  /** Null: nothing of its own, so that what is around it is shown. */
  set(place: number, title: string | null): void {
    if (title === null) this.#titles.delete(place);
    else this.#titles.set(place, title);
  }

  shown(): string {
    let innermost = 0;
    for (const place of this.#titles.keys()) innermost = Math.max(innermost, place);
    return this.#titles.get(innermost) ?? this.#outermost;
  }
}
