import { randomBytes } from 'node:crypto';

const MIB = 1024 * 1024;

/**
 * How much is done. Within `npm test` each fault strikes once, at 32 MiB; `npm run test:cluster -- --full` does what
 * its parts name, and scripts/test-cluster.mjs says so through these variables.
 */
export interface Plan {
  readonly isFull: boolean;
  readonly seed: string;
  readonly runs: number;
  readonly sizeBytes: number;
  /** How long Redis or PostgreSQL are away. */
  readonly outageMs: number;
  /** Kills of the leader. */
  readonly leaderKills: number;
  /** A file that gets one line of JSON a run, or null. */
  readonly reportPath: string | null;
  /** A folder that gets the history and the nodes' logs when something is wrong, or null. */
  readonly evidencePath: string | null;
}

export const PLAN: Plan = planOf(process.env);

function planOf(env: NodeJS.ProcessEnv): Plan {
  const isFull = env.PEERLINK_FAULTS === 'full';
  const number = (text: string | undefined, otherwise: number) => (text === undefined ? otherwise : Number(text));
  return {
    isFull,
    seed: env.PEERLINK_FAULT_SEED ?? randomBytes(4).toString('hex'),
    runs: number(env.PEERLINK_FAULT_RUNS, isFull ? 20 : 1),
    sizeBytes: number(env.PEERLINK_FAULT_MIB, isFull ? 1024 : 32) * MIB,
    outageMs: number(env.PEERLINK_FAULT_OUTAGE_MS, isFull ? 60_000 : 6_000),
    leaderKills: isFull ? number(env.PEERLINK_FAULT_RUNS, 20) : 1,
    reportPath: env.PEERLINK_FAULT_REPORT ?? null,
    evidencePath: env.PEERLINK_FAULT_EVIDENCE ?? null,
  };
}
