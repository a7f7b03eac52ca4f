import { describe, expect, it } from '@jest/globals';
import { KIB, MIB, RECIPIENT_WINDOW_BYTES } from '../../contracts/limits.ts';
import { writeCounted } from './counted-write.ts';
import type { Piece } from './pieces.ts';

/** A socket that takes one slice after the other, until it is lost. */
function socket(lostAfter = Number.POSITIVE_INFINITY) {
  const sizes: number[] = [];
  return {
    sizes,
    write: async ({ bytes, release }: Piece) => {
      const lengthBytes = bytes.reduce((sum, part) => sum + part.length, 0);
      if (sizes.length > lostAfter) throw new Error('gone');
      sizes.push(lengthBytes);
      release(sizes.length > lostAfter ? 'lost' : 'taken');
    },
  };
}
function piece(...lengths: number[]) {
  const ends: string[] = [];
  return { ends, bytes: lengths.map((length) => Buffer.alloc(length)), release: (how: string) => void ends.push(how) };
}

describe('a counted write', () => {
  it('is with the socket in small slices, whatever the size of a chunk, and counts each once it was taken', async () => {
    const { sizes, write } = socket();
    const taken: [number, number][] = [];
    const given = piece(16 * MIB, 5);
    await writeCounted({ write }, given, (from, to) => void taken.push([from, to]));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(RECIPIENT_WINDOW_BYTES / 2);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(16 * MIB + 5);
    expect(taken[0]?.[0]).toBe(0);
    expect(taken.every(([from], index) => index === 0 || from === taken[index - 1]?.[1])).toBe(true);
    expect(taken.at(-1)).toEqual([16 * MIB, 16 * MIB + 5]);
    expect(given.ends).toEqual(['taken']);
  });

  it('counts nothing that was lost, and gives the piece back once', async () => {
    const { write } = socket(1);
    const taken: number[] = [];
    const given = piece(MIB);
    await expect(writeCounted({ write }, given, (_from, to) => void taken.push(to))).rejects.toThrow('gone');
    expect(taken).toEqual([256 * KIB]);
    expect(given.ends).toEqual(['lost']);
  });

  it('gives an empty piece back at once', async () => {
    const given = piece();
    await writeCounted(socket(), given, () => {});
    expect(given.ends).toEqual(['taken']);
  });
});
