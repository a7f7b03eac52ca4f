/** How long an address may take before the next one is asked beside it. */
export const NEXT_AFTER_MS = 1_500;

export interface FirstAnswer<A> {
  readonly address: string;
  readonly answer: A;
}

/**
 * Asks one address after the other until one answers well: the next is asked as soon as one has failed, and beside one
 * that takes long. When none does, the answer of the first; null when there was nobody to ask.
 */
export function firstAnswer<A>(
  addresses: readonly string[],
  ask: (address: string) => Promise<A>,
  isGood: (answer: A) => boolean,
): Promise<FirstAnswer<A> | null> {
  return new Promise((resolve) => {
    let asked = 0;
    let ended = 0;
    let firstBad: (FirstAnswer<A> & { readonly place: number }) | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (found: FirstAnswer<A> | null) => {
      clearTimeout(timer);
      asked = addresses.length;
      resolve(found === null ? null : { address: found.address, answer: found.answer });
    };
    const next = () => {
      clearTimeout(timer);
      const place = asked;
      const address = addresses[place];
      if (address === undefined) return;
      asked += 1;
      timer = setTimeout(next, NEXT_AFTER_MS);
      void ask(address).then((answer) => {
        ended += 1;
        if (isGood(answer)) return end({ address, answer });
        if (firstBad === null || place < firstBad.place) firstBad = { address, answer, place };
        if (ended === addresses.length) return end(firstBad);
        // Only the latest one's failure calls the next: the earlier ones had theirs called by the clock.
        if (place === asked - 1) next();
      });
    };
    if (addresses.length === 0) end(null);
    else next();
  });
}
