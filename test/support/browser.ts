import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { atEnd, tempDirectory } from './cleanup.ts';
import { startProcess, type TestProcess } from './processes.ts';
import { waitFor } from './waiting.ts';

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
/** What Playwright turns off, since of several lists the last one counts; test/house/support.test.ts compares the two. */
const OFF_FOR_PLAYWRIGHT = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'DialMediaRouteProvider',
  'GlobalMediaControls',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'BlockOriginHeaderModificationOnRedirect',
  'Translate',
  'AutoDeElevate',
  'OptimizationHints',
  'msForceBrowserSignIn',
  'msEdgeUpdateLaunchServicesPreferredVersion',
];
/** Pages of Chromium's own for what drops down from its address bar: half a second of CPU time for each context. */
const ADDRESS_BAR_PAGES = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup'];
const START_DEADLINE_MS = 30_000;

/** A host name that browsers started here find on this machine, and that is no secure context over plain HTTP. */
export const INSECURE_HOST = 'peerlink.test';
const RESOLVER_FLAG = `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`;

function browserProgram(): string {
  for (const name of NAMES) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (!existsSync(path)) continue;
      accessSync(path, constants.X_OK);
      return path;
    }
  }
  throw new Error(`no browser on the PATH (${NAMES.join(', ')}): npm test installs one`);
}

const withoutFeatures = (names: readonly string[]): string => `--disable-features=${names.join(',')}`;

/** A headless Chromium with no memory of its own: each context is as new. */
export async function launchBrowser(options: { args?: readonly string[] } = {}): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: browserProgram(),
    args: [
      ...FLAGS,
      RESOLVER_FLAG,
      withoutFeatures([...OFF_FOR_PLAYWRIGHT, ...ADDRESS_BAR_PAGES]),
      ...(options.args ?? []),
    ],
    timeout: START_DEADLINE_MS,
  });
  atEnd(() => browser.close());
  return browser;
}

/** A Chromium that remembers: its profile outlives it, and it can be killed. */
export interface ProfileBrowser {
  /** The profile's own context: what it stores is there after a restart. */
  readonly context: BrowserContext;
  readonly profileDirectory: string;
  readonly process: TestProcess;
  /** SIGKILL to all of its processes. */
  kill9(): Promise<void>;
}

/** Starts a headless Chromium on a profile folder (a new one without), as a person's browser is started. */
export async function launchProfileBrowser(
  options: { profileDirectory?: string; args?: readonly string[] } = {},
): Promise<ProfileBrowser> {
  const profileDirectory = options.profileDirectory ?? tempDirectory('profile');
  const portFile = join(profileDirectory, 'DevToolsActivePort');
  const before = existsSync(portFile) ? readFileSync(portFile, 'utf8') : '';
  const program = startProcess(
    browserProgram(),
    [
      '--headless',
      ...FLAGS,
      RESOLVER_FLAG,
      withoutFeatures(ADDRESS_BAR_PAGES),
      `--user-data-dir=${profileDirectory}`,
      '--remote-debugging-port=0',
      ...(options.args ?? []),
      'about:blank',
    ],
    { isGroup: true },
  );
  const port = await waitFor('Chromium names its debugging port', START_DEADLINE_MS, () => {
    const text = readFileSync(portFile, 'utf8');
    return text === before ? undefined : text.split('\n')[0];
  });
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { timeout: START_DEADLINE_MS });
  atEnd(() => browser.close());
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('Chromium has no context of its profile');
  return { context, profileDirectory, process: program, kill9: () => program.kill9() };
}
