// npm run showcase: draws showcase/arch.png, takes the README's screenshots from the running product, of one node and of a
// cluster, and films a direct send between two nodes. `npm run showcase -- demo`: only the film, `-- cluster`: only what needs several nodes.
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startBrowser } from './browser.mjs';
import { startCluster, takeClusterPictures } from './cluster.mjs';
import { recordDemo } from './demo.mjs';
import { startServer } from './server.mjs';

const ROOT = resolve(import.meta.dirname, '..', '..');
const OUT = join(ROOT, 'showcase');
const MIB = 1024 * 1024;
const DEADLINE_MS = 120_000;
/** What a clone should not grow by for a picture. */
const MAX_PICTURE_BYTES = 300 * 1024;

const DEVICES = [
  { name: 'desktop', viewport: { width: 1200, height: 800 }, deviceScaleFactor: 1.5, isMobile: false },
  { name: 'phone', viewport: { width: 390, height: 800 }, deviceScaleFactor: 2, isMobile: true },
];
const SCHEMES = ['light', 'dark'];

/** Sparse, so that it is there at once; its size is what shows. The page sends all of it. */
async function makeFile(folder, name, sizeBytes) {
  const path = join(folder, name);
  const file = await open(path, 'w');
  await file.write(`${name}\n`);
  await file.truncate(sizeBytes);
  await file.close();
  return path;
}

async function drawArchitecture(browser) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 860 }, deviceScaleFactor: 1.5 });
  await page.goto(pathToFileURL(join(OUT, 'arch.html')).href);
  await page.evaluate(() => document.fonts.ready);
  await page.locator('#drawing').screenshot({ path: join(OUT, 'arch.png') });
  await page.close();
}

async function shoot(page, screen, look) {
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(OUT, `${screen}-${look}.png`) });
}

/** Two more transfers of this session, as other days would have left them. */
async function fillMine(page) {
  await page.evaluate(async () => {
    // The page makes one too, in its own time: whoever is first, it is the same.
    await fetch('/api/session', { method: 'POST' });
    const offers = [
      { files: [{ path: 'Invoice 2026-114.pdf', sizeBytes: 88_211 }], maxDownloads: 1, expiresInSeconds: 7 * 86_400 },
      {
        files: [
          { path: 'Drafts/chapter one.md', sizeBytes: 42_120 },
          { path: 'Drafts/chapter two.md', sizeBytes: 51_873 },
        ],
        password: 'a quiet word',
      },
    ];
    for (const offer of offers) {
      const opened = await fetch('/api/transfers', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(offer),
      });
      const { transfer, uploadToken } = await opened.json();
      for (const { index, sizeBytes } of transfer.files) {
        await fetch(`/api/transfers/${transfer.id}/files/${index}?offset=0`, {
          method: 'PUT',
          headers: { authorization: `Bearer ${uploadToken}`, 'content-type': 'application/octet-stream' },
          body: new Uint8Array(sizeBytes),
        });
      }
    }
  });
}

async function until(what, condition) {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function walkThrough(browser, url, files, device, scheme) {
  const { name, ...screen } = device;
  const look = `${name}-${scheme}`;
  const context = await browser.newContext({
    ...screen,
    colorScheme: scheme,
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);

  await page.goto(url);
  await page.getByRole('button', { name: 'Choose files' }).waitFor();
  await fillMine(page);
  await page.reload();
  await page.getByRole('button', { name: 'Choose files' }).waitFor();
  await page.evaluate(() => window.scrollTo(0, 0));
  await shoot(page, 'send', look);

  await page.locator('input[type=file]').first().setInputFiles(files);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  const link = await page
    .getByText(/\/d\/[1-9A-HJ-NP-Za-km-z]{22}$/)
    .first()
    .innerText();
  const share = async () => (await fetch(`${url}/api/shares/${link.trim().split('/').at(-1)}`)).json();
  await until('a part has moved', async () => {
    const { share: now } = await share();
    return now.committedBytes > 0.35 * now.totalBytes;
  });
  await shoot(page, 'sending', look);
  await until('the transfer is sealed', async () => (await share()).share.state === 'sealed');

  await page.goto(link.trim());
  await page.getByText('Coast at dawn.mp4').first().waitFor();
  await shoot(page, 'receive', look);
  await page.goto(`${url}/mine`);
  await page.getByText('Invoice 2026-114.pdf').first().waitFor();
  await shoot(page, 'mine', look);
  await context.close();
}

async function checkSizes() {
  const screens = ['send', 'sending', 'receive', 'mine', 'cluster'];
  const looks = DEVICES.flatMap((device) => SCHEMES.map((scheme) => `${device.name}-${scheme}`));
  for (const name of ['arch', ...screens.flatMap((screen) => looks.map((look) => `${screen}-${look}`))]) {
    const { size } = await stat(join(OUT, `${name}.png`));
    console.error(`showcase/${name}.png ${Math.round(size / 1024)} KiB`);
    if (size > MAX_PICTURE_BYTES) throw new Error(`showcase/${name}.png is larger than ${MAX_PICTURE_BYTES} bytes`);
  }
}

const [only = 'all', ...more] = process.argv.slice(2);
if (!['all', 'demo', 'cluster'].includes(only) || more.length > 0) {
  process.stderr.write('usage: npm run showcase [-- demo | -- cluster]\n');
  process.exit(1);
}
const browser = await startBrowser();
const folder = await mkdtemp(join(tmpdir(), 'peerlink-showcase-'));
// Without it what is under way fails, and all that was started ends in its order.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => void browser.close());

async function takePictures() {
  const server = await startServer(ROOT, join(folder, 'data'));
  try {
    await drawArchitecture(browser);
    const files = [
      await makeFile(folder, 'Coast at dawn.mp4', 700 * MIB),
      await makeFile(folder, 'Storyboard.pdf', 14 * MIB + 200_000),
      await makeFile(folder, 'Notes for Ana.txt', 4_812),
    ];
    for (const device of DEVICES) {
      for (const scheme of SCHEMES) await walkThrough(browser, server.url, files, device, scheme);
    }
  } finally {
    await server.stop();
  }
}

/** The operator's page and the film need several nodes. */
async function showCluster(isFilmOnly) {
  const cluster = await startCluster(join(folder, 'cluster', 'data'), 3);
  try {
    if (!isFilmOnly) await takeClusterPictures(browser, cluster.urls, { devices: DEVICES, schemes: SCHEMES, shoot });
    await recordDemo(browser, cluster.urls, join(folder, 'demo'), join(OUT, 'demo.mp4'));
  } finally {
    await cluster.stop();
  }
}

try {
  if (only === 'all') await takePictures();
  await showCluster(only === 'demo');
  await checkSizes();
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}
