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
    flush: async () => {},
  };
}
function piece(...lengths: number[]) {
  const ends: string[] = [];
  return { ends, bytes: lengths.map((length) => Buffer.alloc(length)), release: (how: string) => void ends.push(how) };
}

describe('a counted write', () => {
  it('is with the socket in small slices, whatever the size of a chunk, and counts each once it was taken', async () => {
    const { sizes, ...response } = socket();
    const taken: [number, number][] = [];
    const given = piece(16 * MIB, 5);
    await writeCounted(response, given, { taken: (from, to) => void taken.push([from, to]), told: null });
    expect(Math.max(...sizes)).toBe(RECIPIENT_WINDOW_BYTES);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(16 * MIB + 5);
    expect(taken[0]?.[0]).toBe(0);
    expect(taken.every(([from], index) => index === 0 || from === taken[index - 1]?.[1])).toBe(true);
    expect(taken.at(-1)).toEqual([16 * MIB, 16 * MIB + 5]);
    expect(given.ends).toEqual(['taken']);
  });

  it('counts nothing that was lost, and gives the piece back once', async () => {
    const { sizes: _, ...response } = socket(1);
    const taken: number[] = [];
    const given = piece(MIB);
    const counting = { taken: (_from: number, to: number) => void taken.push(to), told: null };
    await expect(writeCounted(response, given, counting)).rejects.toThrow('gone');
    expect(taken).toEqual([256 * KIB]);
    expect(given.ends).toEqual(['lost']);
  });

  it('gives an empty piece back at once', async () => {
    const given = piece();
    await writeCounted(socket(), given, { taken: () => {}, told: null });
    expect(given.ends).toEqual(['taken']);
  });

  it('of the end of an answer sends its last byte when everything was taken and told, that byte too', async () => {
    const steps: string[] = [];
    const response = {
      write: async ({ bytes, release }: Piece) => {
        steps.push(`write ${bytes.reduce((sum, part) => sum + part.length, 0)}`);
        release('taken');
      },
      flush: async () => void steps.push('flushed'),
    };
    const counting = {
      taken: (from: number, to: number) => void steps.push(`taken ${from} ${to}`),
      told: async () => void steps.push('told'),
    };
    const given = piece(3, 10);
    await writeCounted(response, given, counting);
    expect(steps).toEqual([
      'write 3',
      'taken 0 3',
      'write 9',
      'taken 3 12',
      'flushed',
      'taken 12 13',
      'told',
      'write 1',
    ]);
    expect(given.ends).toEqual(['taken']);
    steps.length = 0;
    await writeCounted(response, piece(1), counting);
    expect(steps).toEqual(['flushed', 'taken 0 1', 'told', 'write 1']);
  });
});
