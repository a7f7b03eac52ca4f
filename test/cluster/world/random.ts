import { createHash } from 'node:crypto';

/** Numbers that a seed and a name decide: the same pair, the same numbers. */
export interface Random {
  /** In [0, below), whole. */
  below(below: number): number;
  pick<T>(of: readonly T[]): T;
}

/** Marsaglia's xorshift with 32 bits: good enough to choose victims. */
export function randomOf(seed: string, name: string): Random {
  let state = createHash('sha256').update(`${seed}/${name}`).digest().readUInt32LE() || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const below = (limit: number) => next() % limit;
  return {
    below,
    pick: (of) => {
      const chosen = of[below(of.length)];
      if (chosen === undefined) throw new Error('there is nothing to pick from');
      return chosen;
    },
  };
}
