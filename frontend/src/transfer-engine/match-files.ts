/** Which of the files picked again belong to which file of an unfinished upload. Pure but for reading fingerprints. */
export interface KnownFile {
  readonly path: string;
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

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Best first: the same path, then the same name, then anything of the same size written at the same time. */
function closeness(known: KnownFile, picked: PickedFile): number {
  if (picked.file.size !== known.sizeBytes) return 0;
  const isSameTime = known.lastModifiedMs === null || known.lastModifiedMs === picked.file.lastModified;
  if (picked.path === known.path) return isSameTime ? 4 : 3;
  if (nameOf(picked.path) === nameOf(known.path)) return isSameTime ? 2 : 1;
  return isSameTime && known.fingerprint !== null ? 1 : 0;
}

/**
 * Answers one entry per known file: the picked file that is it, or null. A file with the right name and other bytes is
 * not taken: sending it would mix two files.
 */
export async function matchFiles(
  known: readonly KnownFile[],
  picked: readonly PickedFile[],
  fingerprint: (file: File) => Promise<string>,
): Promise<(File | null)[]> {
  const bySize = new Map<number, PickedFile[]>();
  for (const candidate of picked) {
    const sameSize = bySize.get(candidate.file.size);
    if (sameSize) sameSize.push(candidate);
    else bySize.set(candidate.file.size, [candidate]);
  }
  const taken = new Set<PickedFile>();
  const matches: (File | null)[] = [];
  for (const wanted of known) {
    const candidates = (bySize.get(wanted.sizeBytes) ?? [])
      .filter((candidate) => !taken.has(candidate) && closeness(wanted, candidate) > 0)
      .sort((a, b) => closeness(wanted, b) - closeness(wanted, a));
    let match: PickedFile | null = null;
    for (const candidate of candidates) {
      const isSame = wanted.fingerprint === null || (await fingerprint(candidate.file)) === wanted.fingerprint;
      // Without a fingerprint only the time of the last change vouches for the bytes.
      const isVouched = wanted.fingerprint !== null || wanted.lastModifiedMs === candidate.file.lastModified;
      if (isSame && isVouched) {
        match = candidate;
        break;
      }
    }
    if (match) taken.add(match);
    matches.push(match?.file ?? null);
  }
  return matches;
}
