import { waitFor } from '../../support/waiting.ts';
import { Downloader } from '../clients/downloader.ts';
import { BarrierPace } from '../clients/pace.ts';
import { digestOf, type PatternFile } from '../clients/pattern.ts';
import { type Opened, Uploader } from '../clients/uploader.ts';
import { longestStallMs } from '../history/check-operations.ts';
import type { FaultWorld, WorldNode } from './fault-world.ts';

/** What goes on while a fault strikes: an upload, a download of a sealed file, a download while its upload goes on. */
export type Activity = 'upload' | 'download' | 'live';

const MIB = 1024 * 1024;
/** Slow enough for a fault to strike in the middle, whatever the size, and quick enough for twenty runs. */
const MOST_BYTES_PER_SECOND = 40 * MIB;
const LEAST_SECONDS = 3;
/** Small runs show soon that something moves. */
const RUN_BYTES = 2 * MIB;
const READY_DEADLINE_MS = 60_000;
const OPEN_TRIES = 6;

interface Moving {
  readonly name: string;
  readonly transferId: string;
  readonly done: Promise<string>;
  readonly progressAtMs: readonly number[];
}

/** Clients in the middle of what they do, each with an in-sync replica, held at half until `go`. */
export interface Underway {
  readonly transferIds: readonly string[];
  /** What was sent, for reading it again. */
  readonly shares: readonly { readonly shareId: string; readonly seed: string }[];
  /** Senders ask this node first from here on; what they have begun they finish. */
  turnTo(node: WorldNode): void;
  /** The clients go on from the middle; resolves when all of them move. */
  go(): Promise<void>;
  /** Chunks that senders know to be committed. */
  acknowledgedChunks(): number;
  /** Waits for the end of all. Resolves to each client's longest time without progress after `sinceMs`. */
  finished(deadlineMs: number, sinceMs: number): Promise<Record<string, number>>;
  /** Ends the transfers: twenty times two copies of a gigabyte are more than some disks have. */
  remove(): Promise<void>;
}

export interface Placing {
  readonly sizeBytes: number;
  /** Where transfers are opened: so their home, as long as no node is much busier than others. */
  readonly home: WorldNode;
  /** Which node each client asks. */
  readonly gateway: () => WorldNode;
}

/** Begins the activities and brings each to its middle. */
export async function begin(
  world: FaultWorld,
  what: readonly Activity[],
  label: string,
  at: Placing,
): Promise<Underway> {
  const { sizeBytes } = at;
  const paces: BarrierPace[] = [];
  const paced = () => {
    const bytesPerSecond = Math.min(MOST_BYTES_PER_SECOND, sizeBytes / LEAST_SECONDS);
    const pace = new BarrierPace(bytesPerSecond, Math.floor(sizeBytes / 2));
    paces.push(pace);
    return pace;
  };
  const file = (name: string): PatternFile => ({ seed: name, sizeBytes });
  // Reckoned before anything moves: afterwards it would take the time of those whose standstill is measured.
  await Promise.all(what.map((name) => digestOf(file(name))));
  const moving: Moving[] = [];
  const shares: { shareId: string; seed: string }[] = [];
  const receive = (name: string, opened: Opened, pace?: BarrierPace) => {
    const { shareId, transferId } = opened;
    const { history } = world;
    const ring = world.ring(at.gateway());
    const of = file(name);
    const client = new Downloader({
      name: `${label} ${name} reader`,
      file: of,
      shareId,
      ring,
      history,
      ...(pace && { pace }),
    });
    moving.push(track(`${name} reader`, transferId, client.receive(), client.progressAtMs));
    return client;
  };
  let late: Opened | null = null;
  /** Those that are still at it, and all. */
  const senders: Uploader[] = [];
  const openers: Uploader[] = [];
  for (const activity of what) {
    if (activity === 'download') {
      const sealed = await openAt(world, at, `${label} download`, file('download'));
      openers.push(sealed);
      await sealed.send();
      shares.push({ shareId: sealed.opened.shareId, seed: 'download' });
      await world.inSync(sealed.opened.transferId);
      receive('download', sealed.opened, paced());
    } else {
      const sender = await openAt(world, at, `${label} ${activity}`, file(activity), paced());
      senders.push(sender);
      openers.push(sender);
      shares.push({ shareId: sender.opened.shareId, seed: activity });
      moving.push(track(`${activity} sender`, sender.opened.transferId, sender.send(), sender.progressAtMs));
      if (activity === 'live') late = sender.opened;
    }
  }
  const failed = moving.map(({ name, done }) => done.then(() => Promise.reject(new Error(`${name} ended early`))));
  const ready = (async () => {
    await world.inSync(...moving.map(({ transferId }) => transferId));
    await waitFor('all clients are at half', READY_DEADLINE_MS, () => paces.every((pace) => pace.isAtBarrier));
    if (late === null) return;
    // It would wait in vain, and turn to other nodes, if it began with the upload.
    const reader = receive('live', late);
    await waitFor(
      'the reader of a growing file has begun',
      READY_DEADLINE_MS,
      () => reader.receivedBytes > sizeBytes / 4,
    );
  })();
  for (const failure of failed) failure.catch(() => {});
  await Promise.race([ready, ...failed]);
  return {
    transferIds: moving.map(({ transferId }) => transferId),
    shares,
    turnTo: (node) => {
      for (const sender of senders) sender.turnTo(node);
    },
    go: async () => {
      const counts = moving.map(({ progressAtMs }) => progressAtMs.length);
      for (const pace of paces) pace.lift();
      const doMove = () => moving.every(({ progressAtMs }, index) => progressAtMs.length > (counts[index] ?? 0));
      await waitFor('all clients move', READY_DEADLINE_MS, doMove);
    },
    acknowledgedChunks: () => senders.reduce((sum, sender) => sum + sender.acknowledgedChunks, 0),
    finished: async (deadlineMs, sinceMs) => {
      const stalls: Record<string, number> = {};
      for (const { name, done, progressAtMs } of moving) {
        let state = 'is still at it';
        done.then(
          () => (state = 'done'),
          (fault: Error) => (state = `failed: ${fault.stack ?? fault.message}`),
        );
        await waitFor(`${label}: the end of ${name}`, deadlineMs, () => state !== 'is still at it');
        if (state !== 'done') throw new Error(`${label}: ${name} ${state}`);
        const last = progressAtMs.at(-1) ?? sinceMs;
        stalls[name] = last <= sinceMs ? 0 : Math.round(longestStallMs(progressAtMs, sinceMs, last));
      }
      return stalls;
    },
    remove: async () => {
      for (const opener of openers) await opener.remove();
    },
  };
}

function track(name: string, transferId: string, done: Promise<string>, progressAtMs: readonly number[]): Moving {
  done.catch(() => {}); // Whoever waits for the end is told.
  return { name, transferId, done, progressAtMs };
}

/** Opens a transfer whose home is the wanted node: placement may choose another one when that is busy. */
async function openAt(
  world: FaultWorld,
  at: Placing,
  name: string,
  file: PatternFile,
  pace?: BarrierPace,
): Promise<Uploader> {
  const cookie = await world.cookie('activities');
  for (let attempt = 1; ; attempt += 1) {
    const opener = new Uploader({
      name: `${name} ${attempt}`,
      file,
      history: world.history,
      cookie,
      ring: world.ring(at.home),
      runBytes: RUN_BYTES,
      ...(pace && { pace }),
    });
    const opened = await opener.open();
    const { home } = await world.ownership(opened.transferId);
    if (home === at.home.id || attempt === OPEN_TRIES) {
      opener.useRing(world.ring(at.gateway()));
      return opener;
    }
  }
}
