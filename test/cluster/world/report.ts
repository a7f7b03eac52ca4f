import { appendFileSync } from 'node:fs';
import { PLAN } from './plan.ts';

/** One run of a fault: what struck, and how long each client stood still. */
export interface RunReport {
  readonly fault: string;
  readonly run: number;
  readonly [figure: string]: unknown;
}

/** Kept for the committed results of a full run; on the screen in any case. */
export function report(run: RunReport): void {
  process.stderr.write(`faults: ${JSON.stringify(run)}\n`);
  if (PLAN.reportPath !== null) appendFileSync(PLAN.reportPath, `${JSON.stringify({ seed: PLAN.seed, ...run })}\n`);
}
