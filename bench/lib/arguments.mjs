import { parseArgs } from 'node:util';

const USAGE = 'usage: [-- [--quick] [--only=ROW,...]]';

/**
 * What the command line asks for. Anything else ends the process with a line: a run takes an hour and replaces the results.
 * @param {readonly string[]} rows that there are
 * @returns {{ isQuick: boolean, only: readonly string[], isRecorded: boolean }} isRecorded: it is all of this tree's own
 *   product, so its results may be kept
 */
export function readArguments(rows) {
  try {
    const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } } });
    const only = values.only?.split(',') ?? rows;
    const unknown = only.filter((name) => !rows.includes(name));
    if (unknown.length > 0) throw new Error(`no row ${unknown.join(', ')}`);
    const isOwn = process.env.PEERLINK_BENCH_DIST === undefined;
    return { isQuick: values.quick, only, isRecorded: isOwn && !values.quick && values.only === undefined };
  } catch (fault) {
    process.stderr.write(`${fault.message}\n${USAGE}; rows: ${rows.join(', ')}\n`);
    process.exit(1);
  }
}
