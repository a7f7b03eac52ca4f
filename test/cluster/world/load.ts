import { createHash } from 'node:crypto';
import { Downloader } from '../clients/downloader.ts';
import { NodeRing } from '../clients/node-ring.ts';
import { type Pace, UNPACED } from '../clients/pace.ts';
import type { PatternFile } from '../clients/pattern.ts';
import { type Opened, Uploader } from '../clients/uploader.ts';
import type { FaultWorld } from './fault-world.ts';

const MIB = 1024 * 1024;
const LOG_LINES_SHOWN = 8;

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

/** What rows and logs say of an upload that failed: whether its transfer is there, and which node refused what. */
async function whatIsKnown(world: FaultWorld, client: Uploader): Promise<string> {
  if (!client.isOpened) return 'it was never opened';
  const { transferId, uploadToken } = client.opened;
  const tokenHash = createHash('sha256').update(uploadToken).digest();
  const { rows } = await world.pool.query<Record<string, unknown>>(
    `SELECT state, end_reason, home_node_id, replica_node_id, epoch, now() - created_at AS age,
       upload_token_hash = $2 AS is_token_right FROM transfers WHERE id = $1`,
    [transferId, tokenHash],
  );
  const refusals = world.nodes.map(({ name, id, url, server }) => {
    const lines = server.log().split('\n');
    const told = lines.filter((line) => line.includes('"status":404') || line.includes(transferId));
    return `${name} ${id} ${url}\n${told.slice(-LOG_LINES_SHOWN).join('\n')}`;
  });
  return `row of ${transferId}: ${JSON.stringify(rows)}\n${refusals.join('\n')}`;
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
    try {
      await counted({ moved: () => client.acknowledgedChunks * MIB, ring: own }, client.send());
    } catch (fault) {
      const known = await whatIsKnown(world, client).catch(String);
      throw new Error(`${name}: ${String(fault)}\n${known}`, { cause: fault });
    }
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
