/** Which of the files picked again belong to which file of an unfinished upload. Pure but for reading fingerprints. */
export interface KnownFile {
  readonly path: string;
  /** Its name on the person's disk, where it was sent under another one. */
  readonly pickedName?: string;
  readonly sizeBytes: number;
  readonly lastModifiedMs: number | null;
  /** null when the page closed before it was taken. */
  readonly fingerprint: string | null;
}
export interface PickedFile {
  /** Relative path, or the bare name when it was picked alone. */
  readonly path: string;
  readonly file: File;
}

/** A picked file under the name by which it is compared: macOS gives names decomposed, the server composes them. */
interface Candidate {
  readonly path: string;
  readonly name: string;
  readonly file: File;
  isTaken: boolean;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function candidateOf({ path, file }: PickedFile): Candidate {
  const composed = path.normalize();
  return { path: composed, name: nameOf(composed), file, isTaken: false };
}

function groupBy<K>(candidates: readonly Candidate[], keyOf: (candidate: Candidate) => K): Map<K, Candidate[]> {
  const groups = new Map<K, Candidate[]>();
  for (const candidate of candidates) {
    const key = keyOf(candidate);
    const group = groups.get(key);
    if (group) group.push(candidate);
    else groups.set(key, [candidate]);
  }
  return groups;
}

/** Best first: the same name, then anything written at the same time whose bytes can be compared. */
function closeness(known: KnownFile, names: ReadonlySet<string>, { name, file }: Candidate): number {
  const isSameTime = known.lastModifiedMs === null || known.lastModifiedMs === file.lastModified;
  if (names.has(name)) return isSameTime ? 2 : 1;
  return isSameTime && known.fingerprint !== null ? 1 : 0;
}

/**
 * Answers one entry per known file: the picked file that is it, or null. A file with the right name and other bytes is
 * not taken: sending it would mix two files. Paths that agree go first for all, or a file of one folder would be taken
 * for its namesake in another.
 */
export async function matchFiles(
  known: readonly KnownFile[],
  picked: readonly PickedFile[],
  fingerprint: (file: File) => Promise<string>,
): Promise<(File | null)[]> {
  const candidates = picked.map(candidateOf);
  const prints = new Map<File, Promise<string | null>>();
  const printOf = (file: File) => {
    // One that cannot be read is not the one that is looked for.
    const print = prints.get(file) ?? fingerprint(file).catch(() => null);
    prints.set(file, print);
    return print;
  };
  const isIt = async (wanted: KnownFile, { file }: Candidate) =>
    wanted.fingerprint === null
      ? // Without a fingerprint only the time of the last change vouches for the bytes.
        wanted.lastModifiedMs === file.lastModified
      : (await printOf(file)) === wanted.fingerprint;
  const take = async (wanted: KnownFile, among: readonly Candidate[]) => {
    for (const candidate of among) {
      if (candidate.isTaken || !(await isIt(wanted, candidate))) continue;
      candidate.isTaken = true;
      return candidate.file;
    }
    return null;
  };
  const byPath = groupBy(candidates, ({ path }) => path);
  const matches: (File | null)[] = [];
  for (const wanted of known) {
    const samePath = byPath.get(wanted.path.normalize()) ?? [];
    matches.push(
      await take(
        wanted,
        samePath.filter(({ file }) => file.size === wanted.sizeBytes),
      ),
    );
  }
  const bySize = groupBy(candidates, ({ file }) => file.size);
  for (const [index, wanted] of known.entries()) {
    if (matches[index]) continue;
    const names = new Set([nameOf(wanted.path), wanted.pickedName ?? ''].map((name) => name.normalize()));
    const close = (bySize.get(wanted.sizeBytes) ?? [])
      .map((candidate) => ({ candidate, rank: closeness(wanted, names, candidate) }))
      .filter(({ rank }) => rank > 0)
      .sort((a, b) => b.rank - a.rank);
    matches[index] = await take(
      wanted,
      close.map(({ candidate }) => candidate),
    );
  }
  return matches;
}

/** What was picked and is none of the files that it was picked for. */
export function leftOver<Picked extends PickedFile>(
  picked: readonly Picked[],
  matches: readonly (File | null)[],
): readonly Picked[] {
  const taken = new Set(matches);
  return picked.filter(({ file }) => !taken.has(file));
}
