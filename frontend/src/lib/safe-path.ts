/** Names that come from somebody else, made such that every file system takes them. Pure. */

/** Control characters, what turns text around or hides, and what some file system takes for something else. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a name
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\\/:*?"<>|]/gu;
/** Windows opens devices by these names, with any ending. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;
/** Chromium lets no page write what a desktop would follow as a link. */
const LINK = /\.(?:lnk|local|scf|url|desktop)$/i;
/** Most file systems take 255 bytes; a number may be added to it. */
const MAX_NAME_BYTES = 200;

/** @param path of the sender's manifest, with `/` between its parts; at least one name comes out */
export function safePath(path: string): readonly string[] {
  const names = path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .map(safeName);
  return names.length === 0 ? ['_'] : names;
}

function safeName(name: string): string {
  // A point in front hides a file, and one or a blank at the end is dropped by Windows.
  const plain = name
    .replace(FORBIDDEN, '_')
    .replace(/^[.\s]+/u, '_')
    .replace(/[.\s]+$/u, '_');
  const named = (DEVICE.test(plain) ? `_${plain}` : plain) || '_';
  return shortened(LINK.test(named) ? `${named}_` : named);
}

/** `name` with a number before its ending: `film (2).mov`. */
export function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf('.');
  const [stem, ending] = dot <= 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot)];
  return `${stem} (${number})${ending}`;
}

/** Letters go from the end of the stem: the ending says what it is. */
function shortened(name: string): string {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  if (bytes(name) <= MAX_NAME_BYTES) return name;
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 && bytes(name.slice(dot)) <= 20 ? name.slice(dot) : '';
  const letters = [...name.slice(0, name.length - ending.length)];
  while (letters.length > 1 && bytes(letters.join('')) + bytes(ending) > MAX_NAME_BYTES) letters.pop();
  return letters.join('') + ending;
}
