/** A change of the leader's lease, in the order in which the database made it. */
export interface LeaseChange {
  readonly holder: string;
  readonly epoch: number;
}

/** A change of a transfer's row, in the order in which the database made it. */
export interface TransferChange {
  readonly id: string;
  readonly home: string;
  readonly replica: string | null;
  readonly replicaState: string;
  readonly state: string;
  readonly epoch: number;
  readonly generation: number;
}

/** Something only a leader does, with the epoch of the lease in the moment it was done. */
export interface LeaderEffect {
  readonly what: string;
  readonly by: string;
  readonly epoch: number;
}

/** "Effects grouped by epoch have one holder, epochs never fall." */
export function checkLeases(changes: readonly LeaseChange[], effects: readonly LeaderEffect[]): string[] {
  const faults: string[] = [];
  const holders = new Map<number, string>();
  let highest = 0;
  for (const { holder, epoch } of changes) {
    if (epoch < highest) faults.push(`the leader's epoch fell from ${highest} to ${epoch}`);
    highest = Math.max(highest, epoch);
    const other = holders.get(epoch);
    if (other !== undefined && other !== holder) faults.push(`epoch ${epoch} was held by ${other} and by ${holder}`);
    holders.set(epoch, holder);
  }
  for (const { what, by, epoch } of effects) {
    const holder = holders.get(epoch);
    if (holder !== by) faults.push(`${by} did ${what} in epoch ${epoch} of ${holder ?? 'nobody'}`);
  }
  return faults;
}

/**
 * Ownership as docs/PROTOCOL.md has it: an epoch rises by one with each change, a new home was the in-sync replica, what
 * is ended stays ended, a sealed transfer stays sealed, generations do not rise while only processes are killed.
 */
export function checkTransfers(changes: readonly TransferChange[]): string[] {
  const faults: string[] = [];
  const last = new Map<string, TransferChange>();
  for (const now of changes) {
    const before = last.get(now.id);
    last.set(now.id, now);
    if (before === undefined) continue;
    const says = (text: string) => faults.push(`transfer ${now.id}, epoch ${now.epoch}: ${text}`);
    if (now.epoch < before.epoch) says(`the epoch fell from ${before.epoch}`);
    if (before.state === 'ended' && now.state !== 'ended') says('it came back after its end');
    if (before.state === 'sealed' && now.state === 'open') says('it was opened again after the seal');
    if (now.generation !== before.generation) says(`the generation rose from ${before.generation}`);
    if (now.home === before.home) continue;
    if (before.replica !== now.home || before.replicaState !== 'in_sync') {
      says(`${now.home} became home, the row named ${before.replica ?? 'nobody'} (${before.replicaState})`);
    }
    if (now.epoch === before.epoch) says('the home changed within one epoch');
  }
  return faults;
}

/** How often a transfer got another home. */
export function promotionsIn(changes: readonly TransferChange[]): number {
  const homes = new Map<string, string>();
  let count = 0;
  for (const { id, home } of changes) {
    const before = homes.get(id);
    if (before !== undefined && before !== home) count += 1;
    homes.set(id, home);
  }
  return count;
}
