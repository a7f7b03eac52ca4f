import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
const MIB = 1024 * 1024;

const ONE_NODE = { name: 'one-node', title: 'One node', command: 'npm run bench' };

/** Writes `<name>.json` for programs and `<name>.md` for people. */
export function writeResults(results, page = ONE_NODE) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${page.name}.json`), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(RESULTS, `${page.name}.md`), asText(results, page));
}

function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function wanted({ atLeast, atMost, goal }) {
  if (atMost !== undefined) return `at most ${atMost}`;
  return `at least ${atLeast}${goal === undefined ? '' : ` (goal ${goal})`}`;
}

/** Who reads ratios of a busy machine must know that it was one: many threads of ours wait where one of theirs runs. */
function busyNote({ loadBefore, cores }) {
  if (loadBefore < cores / 2) return '';
  return `**The machine was busy with other work**: a load of ${loadBefore} before the run, on ${cores} cores. Rates are far below what
the machine can do, and programs that share their work among threads lose more than those that do not; CPU seconds per
GiB suffer less.\n`;
}

function asText({ machine, settings, seconds, bars, figures, failed }, { title, command }) {
  const isRates = (rows) => Object.values(rows).every((row) => typeof row === 'object' && 'mibPerSecond' in row);
  const sections = Object.entries(figures).map(([heading, rows]) => {
    const body = isRates(rows)
      ? table(
          ['contender', 'MiB/s', 'lowest to highest', 'CPU s per GiB (server)'],
          Object.entries(rows).map(([name, row]) => [
            name,
            row.mibPerSecond,
            `${row.lowest} to ${row.highest}`,
            row.cpuSecondsPerGib,
          ]),
        )
      : `\`\`\`json\n${JSON.stringify(rows, null, 2)}\n\`\`\``;
    return `## ${heading}\n\n${body}`;
  });
  return `# ${title}

Written by \`${command}\` on ${machine.date}, commit ${machine.commit}${machine.hasUncommittedChanges ? ' with uncommitted changes' : ''}, in ${seconds} s.

${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}, ${machine.browser ?? 'no browser'}.
${busyNote(machine)}Files of ${settings.sizeBytes / MIB} MiB on ${machine.filesOn} for everybody, pages touched beforehand, uploads to new files.
Client: ${machine.client}. It shares the cores with the server.
Medians of ${settings.rounds} interleaved rounds after one that does not count (${Math.max(3, settings.rounds - 2)} for the browser, 8 streams and
Socket.IO); a ratio is the median of the rounds' own ratios. Machines drift: compare inside one run only.

## Bars

${table(
  ['what', 'measured', 'wanted', '', 'bare Node'],
  bars.map((bar) => [bar.name, bar.value, wanted(bar), bar.isMet ? 'met' : '**missed**', bar.bound ?? '']),
)}

"Bare Node" is what a program that neither hashes, checks rights nor resumes reaches of the same, in the same rounds.

${sections.join('\n\n')}
${failed.map(({ row, why }) => `\nNot measured: ${row} (${why})\n`).join('')}`;
}
