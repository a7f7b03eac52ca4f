import { VARIABLES } from './config-variables.ts';

/** Below it, names of other programs are too near to ours. */
const MIN_NAME_LENGTH = 8;
/** Insertions, deletions and replacements of letters: one in this many letters is a slip, more is another name. */
const LETTERS_PER_SLIP = 5;

export interface Misspelt {
  readonly found: string;
  readonly meant: string;
}

/** Names that are none of our settings but nearly one: what was meant by them would silently not be. */
export function misspeltSettings(env: Readonly<Record<string, string | undefined>>): readonly Misspelt[] {
  const ours = Object.keys(VARIABLES);
  return Object.keys(env).flatMap((found) => {
    if (found.length < MIN_NAME_LENGTH || Object.hasOwn(VARIABLES, found)) return [];
    const meant = ours.find((name) => name.length >= MIN_NAME_LENGTH && isNear(plain(found), plain(name)));
    return meant === undefined ? [] : [{ found, meant }];
  });
}

/** Without what is mixed up most: small letters, underscores, the plural. */
const plain = (name: string): string =>
  name
    .toUpperCase()
    .replaceAll(/[-_]/g, '')
    .replace(/IES$|Y$/, 'I')
    .replace(/S$/, '');

function isNear(one: string, other: string): boolean {
  const maxSlips = Math.floor(one.length / LETTERS_PER_SLIP);
  if (Math.abs(one.length - other.length) > maxSlips) return false;
  // Row by row of Levenshtein's table.
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [at, wanted] of [...other].entries()) {
      const replaced = (row[at] ?? 0) + Number(letter !== wanted);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return (row.at(-1) ?? 0) <= maxSlips;
}
