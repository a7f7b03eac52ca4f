// npm run evidence: Debian's package of Chromium and a file of 3 GiB go in through the page and come out through curl and a
// second browser, byte for byte, with b3sum printing the digest that the page shows. Prints a report; ends with 1 if not.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startBrowser } from '../../scripts/showcase/browser.mjs';
import { startServer } from '../../scripts/showcase/server.mjs';
import { b3sum, makePatternFile } from '../support/files.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const GIB = 1024 ** 3;
const LARGE_BYTES = 3 * GIB;
const DEADLINE_MS = 15 * 60_000;
const run = promisify(execFile);

async function timed(work) {
  const startedMs = performance.now();
  const answer = await work();
  return { answer, seconds: (performance.now() - startedMs) / 1000 };
}

/** Debian's own file, from whatever mirror this machine uses. */
async function chromiumPackage(folder) {
  await run('apt-get', ['-q', 'download', 'chromium'], { cwd: folder, timeout: DEADLINE_MS });
  const name = (await readdir(folder)).find((entry) => entry.endsWith('.deb'));
  if (name === undefined) throw new Error('apt-get download chromium left no package');
  return join(folder, name);
}

/** Sends one file through the page: the link, the digest that stands under the strip, and how long it took. */
async function sendThroughPage(browser, url, path) {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(url);
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Choose files' }).click(),
  ]);
  await chooser.setFiles(path);
  const startedMs = performance.now();
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  const link = await page.getByRole('link', { name: /^Link: / }).getAttribute('href');
  const linkMs = performance.now() - startedMs;
  const ruler = page.getByRole('img', { name: /^BLAKE3 digest: / });
  await ruler.waitFor();
  const seconds = (performance.now() - startedMs) / 1000;
  const digest = (await ruler.innerText()).replace(/\s/g, '');
  await context.close();
  return { link, linkMs, seconds, digest };
}

/** curl writes into cmp, which reads the source beside it: both must agree to the last byte, and end there. */
async function compareWithCurl(link, path) {
  const curl = spawn('curl', ['-sS', '--fail', link], { stdio: ['ignore', 'pipe', 'inherit'] });
  const cmp = spawn('cmp', ['-', path], { stdio: [curl.stdout, 'inherit', 'inherit'] });
  const [[curlCode], [cmpCode]] = await Promise.all([once(curl, 'exit'), once(cmp, 'exit')]);
  return curlCode === 0 && cmpCode === 0;
}

/** A second browser opens the link and downloads to disk; what it saved is compared with the source. */
async function compareWithBrowser(browser, link, path) {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(link);
  const { answer: saved, seconds } = await timed(async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download', exact: true }).click(),
    ]);
    return await download.path();
  });
  const isSame = await run('cmp', [saved, path], { timeout: DEADLINE_MS }).then(
    () => true,
    () => false,
  );
  await context.close();
  return { isSame, seconds };
}

async function job(url, path, title) {
  const { size } = await stat(path);
  const sum = await b3sum(path);
  // Each side has a browser of its own: nothing but the link passes between them.
  const [sender, recipient] = [await startBrowser(), await startBrowser()];
  try {
    const sent = await sendThroughPage(sender, url, path);
    const curl = await timed(() => compareWithCurl(sent.link, path));
    const browser = await compareWithBrowser(recipient, sent.link, path);
    const rate = (seconds) => `${seconds.toFixed(1)} s, ${Math.round(size / 1024 ** 2 / seconds)} MiB/s`;
    const lines = [
      `${title}: ${size} bytes`,
      `  link after      ${Math.round(sent.linkMs)} ms`,
      `  sent            ${rate(sent.seconds)}`,
      `  digest shown    ${sent.digest}`,
      `  b3sum           ${sum}`,
      `  curl            ${curl.answer ? 'the same bytes' : 'OTHER BYTES'} (${rate(curl.seconds)}, compared on the way)`,
      `  second browser  ${browser.isSame ? 'the same bytes' : 'OTHER BYTES'} (${rate(browser.seconds)})`,
    ];
    console.log(lines.join('\n'));
    return sent.digest === sum && curl.answer && browser.isSame;
  } finally {
    await sender.close();
    await recipient.close();
  }
}

const folder = await mkdtemp(join(tmpdir(), 'peerlink-evidence-'));
const server = await startServer(ROOT, join(folder, 'data'));
try {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
  const [cpu] = cpus();
  console.log(`${new Date().toISOString()}, commit ${commit}, Node ${process.version}`);
  console.log(`${cpus().length} x ${cpu.model.trim()}, ${Math.round(totalmem() / GIB)} GiB of memory`);
  const version = await (await fetch(`${server.url}/version`)).json();
  console.log(`net_io: ${version.native.implementation}, kernel ${version.native.kernel}; storage: ${version.storage}`);
  const large = join(folder, 'three gibibytes.bin');
  await makePatternFile(large, LARGE_BYTES);
  const results = [
    await job(server.url, await chromiumPackage(folder), 'Debian’s package of Chromium'),
    await job(server.url, large, 'a file of 3 GiB'),
  ];
  const holds = results.every(Boolean);
  console.log(holds ? 'holds' : 'DOES NOT HOLD');
  process.exitCode = holds ? 0 : 1;
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
