interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The part of package-lock.json, version 3, that is looked at. */
export interface PackageLock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** Whether a package at `path` finds `name` in its own node_modules or in one further up. */
function finds(lock: PackageLock, path: string, name: string): boolean {
  for (let folder = path; ; ) {
    if (lock.packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`]) return true;
    if (folder === '') return false;
    const nested = folder.lastIndexOf('/node_modules/');
    folder = nested === -1 ? '' : folder.slice(0, nested);
  }
}

/**
 * What would make `npm ci` refuse the lock or fetch from a named address. npm leaves optional packages of other systems
 * out when the registry does not have them yet, and then takes the lock for out of step everywhere.
 */
export function lockFileFaults(lock: PackageLock): string[] {
  const faults: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.link === true) continue;
    if (entry.resolved !== undefined) faults.push(`${path} names a download address`);
    if (path.includes('node_modules/') && entry.integrity === undefined) faults.push(`${path} has no hash`);
    const peers = Object.keys(entry.peerDependencies ?? {}).filter(
      (name) => entry.peerDependenciesMeta?.[name]?.optional !== true,
    );
    const wanted = [...Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }), ...peers];
    for (const name of wanted) if (!finds(lock, path, name)) faults.push(`${path} wants ${name}, which is missing`);
  }
  return faults;
}
