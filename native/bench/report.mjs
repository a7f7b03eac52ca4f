// What the measurements say: the bars, met or missed, and a table of everything.

const KIB = 1024;
const MIB = 1024 * KIB;
/** What one call may keep the event loop from. */
const MAX_BLOCKING_MS = 5;
export const REFERENCE = '@napi-rs/blake-hash';

const sizeName = (bytes) => (bytes >= MIB ? `${bytes / MIB} MiB` : bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`);

/** @returns one entry for each bar: what was wanted, what was measured */
export function judge(rows, ratio) {
  const bars = [];
  const bar = (row, ours, theirs, wanted, goal) => {
    if (row === undefined || row.results[ours] === undefined || row.results[theirs] === undefined) return;
    const measured = ratio(row.results, ours, theirs);
    const what = `${sizeName(row.sizeBytes)}${row.keyBytes ? `, key of ${row.keyBytes} bytes` : ''}: ${ours} against ${theirs}`;
    bars.push({ what, wanted, ...(goal ? { goal } : {}), measured, isMet: measured >= wanted });
  };
  const hashRow = (size) => rows.find((row) => row.kind === 'hash' && row.sizeBytes === size);
  for (const size of [64, KIB]) {
    bar(hashRow(size), 'net_io', REFERENCE, 1);
    bar(hashRow(size), 'net_io', 'node:crypto sha256', 1);
  }
  for (const size of [64 * KIB, MIB, 64 * MIB]) bar(hashRow(size), 'net_io', REFERENCE, 1, 1.1);
  bar(
    rows.find((row) => row.kind === 'b3sum'),
    'net_io',
    'b3sum --num-threads 1',
    1,
    1.1,
  );
  for (const size of [64 * KIB, MIB, 64 * MIB]) {
    bar(hashRow(size), 'net_io', 'node:crypto sha256', 5);
    // At 64 KiB a trip to the pool costs as much as the hash; there the calling thread is the place for it.
    if (size === MIB) bar(hashRow(size), 'net_io on the pool, 16 in flight', 'node:crypto sha256', 5);
    if (size > MIB) bar(hashRow(size), 'net_io hashAsync, all cores', 'node:crypto sha256', 5);
    for (const algorithm of ['sha512', 'md5', 'blake2b512'])
      bar(hashRow(size), 'net_io', `node:crypto ${algorithm}`, 5);
  }
  for (const row of rows.filter(({ kind }) => kind === 'xor')) {
    bar(row, 'net_io in place', 'memcpy', 0.8);
    bar(row, 'net_io in place', 'best JavaScript loop', 10);
    bar(row, 'net_io while copying', 'memcpy', 0.9);
  }
  for (const row of rows.filter(({ kind }) => kind === 'blocking')) {
    for (const [name, { best }] of Object.entries(row.results)) {
      bars.push({
        what: `milliseconds the event loop waits on ${row.kernel}: ${name}`,
        wanted: MAX_BLOCKING_MS,
        isUpperBound: true,
        measured: best * 1000,
        isMet: best * 1000 <= MAX_BLOCKING_MS,
      });
    }
  }
  return bars;
}

const speed = (bytes, seconds) =>
  bytes < 64 * KIB ? `${(seconds * 1e9).toFixed(0)} ns` : `${(bytes / seconds / 1024 ** 3).toFixed(2)} GiB/s`;

export function toMarkdown(report) {
  const lines = [
    '# net_io, measured',
    '',
    `${report.date}, commit ${report.commit}${report.hasUncommittedChanges ? ' (with uncommitted changes in native/)' : ''}. ${report.cpu}, ${report.cores} cores, ${report.system}, Node ${report.node}, kernel ${report.kernel}, load average at start ${report.loadAverageAtStart.toFixed(1)}.`,
    '',
    'Contenders take turns within one process, many short rounds; ratios are between the best rounds, because the machine',
    'is shared and others only ever add time. `npm run bench:native` makes this file.',
    '',
    '## Bars',
    '',
    '| what | wanted | measured | |',
    '|---|---|---|---|',
  ];
  for (const { what, wanted, goal, measured, isMet, isUpperBound } of report.bars) {
    const target = `${isUpperBound ? 'at most ' : ''}${wanted}${goal ? ` (goal ${goal})` : ''}`;
    lines.push(
      `| ${what} | ${target} | ${measured.toFixed(2)} | ${isMet ? (goal && measured < goal ? 'met, goal missed' : 'met') : '**missed**'} |`,
    );
  }
  lines.push('', '## Figures', '', '| what | contender | best | median |', '|---|---|---|---|');
  for (const row of report.rows.filter(({ kind }) => kind !== 'blocking')) {
    const what = {
      hash: 'digest of',
      b3sum: 'digest of',
      xor: `XOR, key of ${row.keyBytes} bytes,`,
      kernel: `kernel ${row.kernel},`,
    }[row.kind];
    for (const [name, { bestSeconds, medianSeconds }] of Object.entries(row.results)) {
      lines.push(
        `| ${what} ${sizeName(row.sizeBytes)} | ${name} | ${speed(row.sizeBytes, bestSeconds)} | ${speed(row.sizeBytes, medianSeconds)} |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
