// node scripts/page-icons.mjs: draws the page's icons (frontend/public/icons) from its mark (frontend/public/icon.svg) in Chromium.
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startBrowser } from './showcase/browser.mjs';

const PUBLIC = resolve(import.meta.dirname, '..', 'frontend', 'public');
/** A maskable icon is cut to any shape: what it shows keeps to the middle, its ground fills the square. */
const MASKABLE_SHARE = 0.8;
const ICONS = [
  { name: 'icon-192', sizePx: 192, isFull: false },
  { name: 'icon-512', sizePx: 512, isFull: false },
  { name: 'maskable-192', sizePx: 192, isFull: true },
  { name: 'maskable-512', sizePx: 512, isFull: true },
  // Apple rounds the corners itself.
  { name: 'apple-touch-180', sizePx: 180, isFull: true },
];

const mark = await readFile(join(PUBLIC, 'icon.svg'), 'utf8');
const ground = /<rect[^>]*fill="(#[0-9a-f]{6})"/.exec(mark)?.[1];
if (ground === undefined) throw new Error('icon.svg has no ground: a first rect with a fill');
await mkdir(join(PUBLIC, 'icons'), { recursive: true });
const browser = await startBrowser();
try {
  for (const { name, sizePx, isFull } of ICONS) {
    const page = await browser.newPage({ viewport: { width: sizePx, height: sizePx } });
    const markPx = sizePx * (isFull ? MASKABLE_SHARE : 1);
    const style =
      `html,body{margin:0;height:100%;${isFull ? `background:${ground};` : ''}}` +
      `body{display:grid;place-items:center}svg{width:${markPx}px;height:${markPx}px;display:block}`;
    await page.setContent(`<!doctype html><style>${style}</style>${mark}`);
    await page.screenshot({ path: join(PUBLIC, 'icons', `${name}.png`), omitBackground: true });
    await page.close();
  }
} finally {
  await browser.close();
}
