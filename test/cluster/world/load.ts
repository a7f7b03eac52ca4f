import { Downloader } from '../clients/downloader.ts';
import { NodeRing } from '../clients/node-ring.ts';
import { type Pace, UNPACED } from '../clients/pace.ts';
import type { PatternFile } from '../clients/pattern.ts';
import { type Opened, Uploader } from '../clients/uploader.ts';
import type { FaultWorld } from './fault-world.ts';

const MIB = 1024 * 1024;

export interface LoadOptions {
  readonly uploads: number;
  readonly downloads: number;
  /** Of each file; one follows another. */
  readonly sizeBytes: number;
  readonly pace?: () => Pace;
}

/** Clients that send and receive file after file, until they are stopped. */
export interface Load {
  /** What they moved so far. */
  movedBytes(): number;
  /** The most failures that any client had in a row. */
  mostFailures(): number;
  /** Whole files that were sent. */
  readonly sent: readonly (Opened & { readonly file: PatternFile })[];
  /** Lets each finish its file. @throws the first client's fault */
  stop(): Promise<void>;
}

/** Begins with one sealed file, which the downloads read. Clients know the nodes that run, and begin at any of them. */
export async function startLoad(world: FaultWorld, label: string, options: LoadOptions): Promise<Load> {
  const { history } = world;
  const cookie = await world.cookie('load');
  const ring = () => new NodeRing(() => world.running(), world.random.pick(world.running()));
  const pace = options.pace ?? (() => UNPACED);
  const sent: (Opened & { file: PatternFile })[] = [];
  const moving = new Set<{ moved: () => number; ring: NodeRing }>();
  let doneBytes = 0;
  let mostFailures = 0;
  let isStopping = false;

  /** Counts a client's bytes while it moves, and what it had to suffer. */
  const counted = async (of: { moved: () => number; ring: NodeRing }, work: Promise<unknown>) => {
    moving.add(of);
    try {
      await work;
    } finally {
      moving.delete(of);
      doneBytes += of.moved();
      mostFailures = Math.max(mostFailures, of.ring.mostFailures);
    }
  };
  const upload = async (name: string, withPace: Pace) => {
    // Few different ones: their digests are reckoned once.
    const file = { seed: `${label} ${sent.length % 3}`, sizeBytes: options.sizeBytes };
    const own = ring();
    const client = new Uploader({
      name,
      file,
      ring: own,
      history,
      cookie,
      pace: withPace,
      parallel: 2,
      runBytes: 4 * MIB,
    });
    await counted({ moved: () => client.acknowledgedChunks * MIB, ring: own }, client.send());
    sent.push({ ...client.opened, file });
  };
  const download = async (name: string, withPace: Pace) => {
    const { shareId, file } = world.random.pick(sent);
    const own = ring();
    const client = new Downloader({ name, file, shareId, ring: own, history, pace: withPace });
    await counted({ moved: () => client.receivedBytes, ring: own }, client.receive());
  };
  const again = async (name: string, work: (name: string, pace: Pace) => Promise<void>) => {
    for (let turn = 1; !isStopping; turn += 1) await work(`${label} ${name}.${turn}`, pace());
  };
  await upload(`${label} first`, UNPACED);
  const workers = [
    ...Array.from({ length: options.uploads }, (_, index) => again(`upload ${index}`, upload)),
    ...Array.from({ length: options.downloads }, (_, index) => again(`download ${index}`, download)),
  ];
  for (const worker of workers) worker.catch(() => {}); // `stop` tells of it.
  return {
    movedBytes: () => [...moving].reduce((sum, { moved }) => sum + moved(), doneBytes),
    mostFailures: () => mostFailures,
    sent,
    stop: async () => {
      isStopping = true;
      await Promise.all(workers);
    },
  };
}
