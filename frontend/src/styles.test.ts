import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const SOURCES = import.meta.dirname;
const styles = readFileSync(join(SOURCES, 'styles.css'), 'utf8');
/** WCAG 2, 1.4.6: contrast of text, enhanced. */
const AAA = 7;

/** What text is written in, and what it stands on. Where colours mix, the pair that comes closest is there as well. */
const GROUNDS: Readonly<Record<string, readonly string[]>> = {
  ink: ['paper', 'sheet', 'cell', 'accent-wash'],
  'ink-soft': ['paper', 'sheet', 'cell', 'accent-wash'],
  'amber-ink': ['paper', 'sheet', 'cell', 'amber-wash'],
  'red-ink': ['paper', 'sheet', 'cell', 'red-wash'],
  'on-accent': ['accent', 'accent-deep'],
  paper: ['ink'],
};

/** The tokens of a scheme; the dark one says only what differs. */
function tokensOf(scheme: 'light' | 'dark'): Map<string, string> {
  const [light = '', dark = ''] = [...styles.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) => body ?? '');
  const text = scheme === 'light' ? light : light + dark;
  return new Map([...text.matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name, value]) => [name ?? '', value ?? '']));
}

/** Relative luminance of an `oklch(L C H)` as a screen shows it: by the matrices of CSS Color 4, cut to sRGB. */
function luminanceOf(colour: string | undefined): number {
  const [lightness = Number.NaN, chroma = 0, hue = 0] = (colour?.match(/[\d.]+/g) ?? []).map(Number);
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const shown = (value: number) => Math.min(1, Math.max(0, value));
  const red = shown(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = shown(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = shown(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string | undefined, other: string | undefined): number {
  const [darker = 0, lighter = 0] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Path and text of every source of the page, tests aside. */
function sources(pattern: RegExp): { path: string; text: string }[] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((path) => pattern.test(path) && !path.endsWith('.test.ts'))
    .map((path) => ({ path, text: readFileSync(join(SOURCES, path), 'utf8') }));
}

describe('the colours of the page', () => {
  it('are measured as the standard measures them', () => {
    expect(contrast('oklch(0 0 0)', 'oklch(1 0 0)')).toBeCloseTo(21, 5);
    expect(contrast('oklch(0.627955 0.257683 29.2339)', 'oklch(1 0 0)')).toBeCloseTo(3.998, 2);
  });

  it.each(['light', 'dark'] as const)('let text be read by those who see little, in the %s', (scheme) => {
    const tokens = tokensOf(scheme);
    const found = Object.entries(GROUNDS).flatMap(([text, grounds]) =>
      grounds
        .map((ground) => ({ text, ground, ratio: contrast(tokens.get(text), tokens.get(ground)) }))
        .filter(({ ratio }) => !(ratio >= AAA))
        .map(({ ratio, ...pair }) => ({ ...pair, ratio: ratio.toFixed(2) })),
    );
    expect(found).toEqual([]);
  });

  it('are the measured ones wherever text is written', () => {
    const names = [...tokensOf('light').keys()];
    const classes = new RegExp(`(?<![\\w-])text-(${names.join('|')})(?![\\w-])`, 'g');
    const rules = /(?<![\w-])color: var\(--([\w-]+)\)/g;
    const found = sources(/\.(tsx?|css)$/).flatMap(({ path, text }) =>
      [...text.matchAll(classes), ...text.matchAll(rules)]
        .map(([, name = '']) => name)
        .filter((name) => !(name in GROUNDS))
        .map((name) => `${path}: ${name}`),
    );
    expect(found).toEqual([]);
  });

  it('stand in one place: no component names a colour of its own', () => {
    const raw = /(?<![\w&/])#[\da-f]{3,8}\b|\b(rgb|rgba|hsl|hsla|hwb|lab|lch|oklab|oklch)\(/gi;
    const found = sources(/\.(tsx?|css)$/)
      .filter(({ path }) => path !== 'styles.css')
      .flatMap(({ path, text }) => [...text.matchAll(raw)].map(([colour]) => `${path}: ${colour}`));
    expect(found).toEqual([]);
  });
});
