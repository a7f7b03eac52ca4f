import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { VARIABLES, type Variable } from '../../services/config-variables.ts';
import * as limits from '../../services/contracts/limits.ts';
import { filesUnder, ROOT, readText } from './tree.ts';

const page = readText('docs/LIMITS.md');

/** The rows below a heading, as their cells. */
function rowsBelow(heading: string): string[][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(heading));
  if (section === undefined) throw new Error(`docs/LIMITS.md has no "${heading}"`);
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

/** How often limits.ts itself has a name: one bound may be made of another. */
const usesOfLimits = (name: string) =>
  [...readText('services/contracts/limits.ts').matchAll(new RegExp(`^(?! *(/?\\*|//)).*\\b${name}\\b`, 'gm'))].length;

/** Units that the limits are said in. */
const UNITS = new Set(['KIB', 'MIB', 'GIB']);

describe('docs/LIMITS.md', () => {
  it('has every fixed bound with its value and a reason, and no other', () => {
    const wanted = Object.entries(limits)
      .filter(([name]) => !UNITS.has(name))
      .map(([name, value]) => [name, String(value)]);
    const rows = rowsBelow('Fixed bounds');
    expect(rows.map(([name, value]) => [name, value]).sort()).toEqual(wanted.sort());
    for (const [name, , reason] of rows) expect([name, (reason ?? '').length > 10]).toEqual([name, true]);
  });

  it('has no fixed bound that nothing in the product goes by', () => {
    const product = ['services', 'frontend/src']
      .flatMap((folder) => filesUnder(folder, /(?<!\.(test|suite))\.tsx?$/))
      .filter((path) => path !== 'services/contracts/limits.ts')
      .map(readText);
    const isUsed = (name: string) => {
      const word = new RegExp(`^(?! *(/?\\*|//)).*\\b${name}\\b`, 'm');
      return product.some((text) => word.test(text)) || usesOfLimits(name) > 1;
    };
    expect(Object.keys(limits).filter((name) => !UNITS.has(name) && !isUsed(name))).toEqual([]);
  });

  it('has every bound that an operator may change with its default and a reason, and no other', () => {
    const isBound = (name: string, variable: Variable) =>
      variable.group === 'Limits' || (variable.group === 'Lifetimes' && name.startsWith('TTL_'));
    const wanted = Object.entries<Variable>(VARIABLES)
      .filter(([name, variable]) => isBound(name, variable))
      .map(([name, variable]) => [name, variable.default]);
    const rows = rowsBelow('What an operator may change');
    expect(rows.map(([name, value]) => [name, value]).sort()).toEqual(wanted.sort());
    for (const [name, , reason] of rows) expect([name, (reason ?? '').length > 5]).toEqual([name, true]);
  });

  it('names every file that feeds generated cases, and with at least as many as it says', () => {
    const rows = rowsBelow('What is fuzzed');
    const fuzzing = ['services', 'test', 'native', 'frontend/src']
      .flatMap(testFilesUnder)
      .filter((path) => /^import .* from '(fast-check|.*\/support\/fuzz\.ts)';$/m.test(readText(path)));
    expect(rows.map(([, path]) => path).sort()).toEqual(fuzzing.sort());
    for (const [what, path = '', cases = ''] of rows) {
      expect([what, existsSync(join(ROOT, path))]).toEqual([what, true]);
      const said = Number(/^[\d,]+/.exec(cases)?.[0].replaceAll(',', ''));
      const text = readFileSync(join(ROOT, path), 'utf8');
      const written = [...text.matchAll(/(?:numRuns: |CASES = |cases: )([\d_]+)/g)].map((match) =>
        Number(match[1]?.replaceAll('_', '')),
      );
      // What says no number has that of `fuzz`, or of fast-check, which is 100.
      const usual = text.includes('support/fuzz.ts') ? 10_000 : 100;
      expect([what, Math.max(usual, ...written) >= said || said < 10_000]).toEqual([what, true]);
      // Fewer than the rule only with a reason.
      if (said < 10_000) expect([what, cases.includes(':')]).toEqual([what, true]);
    }
  });
});

function testFilesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.test\.tsx?$/.test(path) && !/(^|\/)(node_modules|build|dist)\//.test(path))
    .map((path) => `${folder}/${path}`);
}
