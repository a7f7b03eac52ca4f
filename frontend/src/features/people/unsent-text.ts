import type { Person } from '../../../../services/contracts/person.ts';

/**
 * A text that was begun and not sent: who closes its sheet by mistake, with a thumb beside it, finds it again. For the
 * same people only, and only the last one.
 */
export class UnsentText {
  #for = '';
  #text = '';

  keep(to: readonly Person[], text: string): void {
    this.#for = keyOf(to);
    this.#text = text;
  }

  /** It has been sent; what was written meanwhile, to them or to others, has not. */
  sent(to: readonly Person[], text: string): void {
    if (this.of(to) === text) this.#text = '';
  }

  /** Empty when there is none for these people. */
  of(to: readonly Person[]): string {
    return keyOf(to) === this.#for ? this.#text : '';
  }
}

function keyOf(to: readonly Person[]): string {
  return to
    .map(({ id }) => id)
    .sort()
    .join(' ');
}

export const unsentText = new UnsentText();
