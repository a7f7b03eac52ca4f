import { describe, expect, it } from '@jest/globals';
import { ar } from '../frontend/src/messages/ar.ts';
import { en } from '../frontend/src/messages/en.ts';
import { sidesIn, wordsIn } from './house/page-words.ts';
import { filesUnder, readText } from './house/tree.ts';

const COMPONENTS = filesUnder('frontend/src', /\.tsx$/).filter((path) => !path.endsWith('.test.tsx'));

describe('the words of the page', () => {
  it.each([
    ['<p>Send</p>', ['Send']],
    ["<p>{isOver ? 'Over' : messages.app.send}</p>", ['Over']],
    ['<p>{`size: ` + size}</p>', ['size:']],
    ['<button aria-label="Close">×</button>', ['Close']],
    ['<Sheet title="Really?" />', ['Really?']],
    ['<input placeholder={\'Name\'} name="field" />', ['Name']],
    ['<p className="mt-2">{messages.app.send} · {name}, {size}</p>', []],
    ['<a href="/mine" role="status" data-page="mine">{format.size(1)}</a>', []],
  ])('are noticed outside the catalogues: %s', (source, words) => {
    expect(wordsIn(`const a = ${source};`)).toEqual(words);
  });

  it('stand in the catalogues alone', () => {
    const found = COMPONENTS.flatMap((path) => wordsIn(readText(path)).map((text) => `${path}: ${text}`));
    expect(COMPONENTS.length).toBeGreaterThan(30);
    expect(found).toEqual([]);
  });
});

/** A drawing has places and sides of its own, in every language. */
const DRAWING = 'frontend/src/features/cluster/Topology.tsx';

describe('the page turns with its language', () => {
  it.each([
    ['"ml-2 sm:-mr-3 focus:left-3 right-0"', ['ml-2', 'sm:-mr-3', 'focus:left-3', 'right-0']],
    ['`text-left rounded-tl-md border-l pr-4!`', ['text-left', 'rounded-tl-md', 'border-l', 'pr-4!']],
    ['"ms-2 -me-3 start-3 text-start rounded-md inset-x-0 max-sm:px-0! left"', []],
  ])('sides of the screen are noticed: %s', (source, sides) => {
    expect(sidesIn(`const a = ${source};`)).toEqual(sides);
  });

  it('no component knows left and right', () => {
    const turning = COMPONENTS.filter((path) => path !== DRAWING);
    expect(turning.flatMap((path) => sidesIn(readText(path)).map((one) => `${path}: ${one}`))).toEqual([]);
  });
});

/** What has no Arabic name: ours, those of commands, settings, formats and products. */
const PROPER = new Set(
  'PeerLink BLAKE3 b3sum QR zip txt MAX_FILE_SIZE CORS_ORIGIN npm run admin-token Redis'.split(' '),
);
/** One of each of the six plural forms of Arabic, and one that is no whole number of anything. */
const COUNTS = ['0', '1', '2', '3', '11', '100'];

/** Every text of a catalogue, by its place; a function gives one for each form of its counts. */
function textsOf(value: unknown, place: string): (readonly [string, string])[] {
  if (typeof value === 'string') return [[place, value]];
  if (typeof value === 'function') {
    const say = value as (...parts: string[]) => string;
    return COUNTS.map((count) => [`${place}(${count})`, say(...Array.from({ length: 5 }, () => count))]);
  }
  return Object.entries(value as object).flatMap(([key, child]) => textsOf(child, `${place}.${key}`));
}

describe('the Arabic catalogue', () => {
  const texts = textsOf(ar, 'ar');

  it('says all that the English one says, and takes as many arguments for it', () => {
    const shapeOf = (value: unknown): unknown =>
      typeof value === 'function' || typeof value === 'string'
        ? typeof value
        : Object.fromEntries(Object.entries(value as object).map(([key, child]) => [key, shapeOf(child)]));
    expect(shapeOf(ar)).toEqual(shapeOf(en));
    expect(texts.length).toBeGreaterThan(400);
  });

  it('says it in Arabic', () => {
    const latin = texts.flatMap(([place, text]) => {
      const words = text.match(/[A-Za-z][\w-]*/g) ?? [];
      return words.filter((word) => !PROPER.has(word)).map((word) => `${place}: ${word}`);
    });
    expect(latin).toEqual([]);
  });

  it('calls it deleting wherever something is deleted', () => {
    expect(ar.mine.removeOf('x').startsWith(`${ar.upload.discard} `)).toBe(true);
  });

  it('leaves nothing unsaid', () => {
    const spoken = texts.filter(([, text]) => /\p{Script=Arabic}/u.test(text)).length;
    // The rest are names and bare figures.
    expect(spoken / texts.length).toBeGreaterThan(0.9);
    expect(texts.filter(([, text]) => text.includes('undefined'))).toEqual([]);
  });
});
