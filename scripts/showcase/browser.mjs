import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
/** Without these Chromium asks hosts of its maker for updates, and as root it does not start at all. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A headless Chromium, found on the PATH. */
export async function startBrowser() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const program = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  if (program === undefined) throw new Error(`no browser on the PATH (${NAMES.join(', ')}): npm test installs one`);
  return await chromium.launch({ executablePath: program, args: FLAGS });
}
