// Chromium driven by bare DevTools calls over a pipe: a driver's own network watching would slow the bodies (Playwright
// by 3 to 15 times). No domain but Page, Runtime and DOM is switched on.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
];
const CALL_DEADLINE_MS = 180_000;

export class Browser {
  #child;
  #profile = mkdtempSync(join(tmpdir(), 'peerlink-bench-browser-'));
  #waiting = new Map();
  #nextId = 1;
  #rest = '';

  constructor() {
    this.#child = spawn('chromium', [...FLAGS, `--user-data-dir=${this.#profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#child.stdio[4].setEncoding('utf8').on('data', (text) => this.#read(text));
    this.#child.stdio[3].on('error', () => {});
  }

  #read(text) {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop();
    for (const message of messages) {
      const { id, result, error } = JSON.parse(message);
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) continue;
      this.#waiting.delete(id);
      if (error === undefined) waiting.resolve(result);
      else waiting.reject(new Error(`DevTools: ${error.message}`));
    }
  }

  call(method, params = {}, sessionId) {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} got no answer`)), CALL_DEADLINE_MS);
      const settle = (act) => (value) => {
        clearTimeout(timer);
        act(value);
      };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** A tab with cookies and storage of its own. */
  async open(url) {
    const { browserContextId } = await this.call('Target.createBrowserContext');
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId, browserContextId);
    await page.go(url);
    return page;
  }

  async close() {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }
}

class Page {
  #browser;
  #sessionId;
  #contextId;

  constructor(browser, sessionId, contextId) {
    this.#browser = browser;
    this.#sessionId = sessionId;
    this.#contextId = contextId;
  }

  #call(method, params) {
    return this.#browser.call(method, params, this.#sessionId);
  }

  async go(url) {
    await this.#call('Page.navigate', { url });
    await this.run(`new Promise((resolve) => {
      const look = () => (location.href !== 'about:blank' && document.readyState === 'complete' ? resolve() : setTimeout(look, 10));
      look();
    })`).catch(() => this.run(`document.readyState`));
  }

  /** The value of an expression, its promise awaited. */
  async run(expression) {
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Gives files by path to the input that the expression names: the browser reads them itself. */
  async choose(expression, paths) {
    const { result } = await this.#call('Runtime.evaluate', { expression });
    if (result.objectId === undefined) throw new Error(`no input: ${expression}`);
    await this.#call('DOM.setFileInputFiles', { files: paths, objectId: result.objectId });
  }

  async close() {
    await this.#browser.call('Target.disposeBrowserContext', { browserContextId: this.#contextId });
  }
}

/** In the page: waits for what `look` finds, by its DOM changes. */
export const UNTIL = `(look) => new Promise((resolve) => {
  const first = look();
  if (first) return resolve(first);
  const observer = new MutationObserver(() => {
    const found = look();
    if (!found) return;
    observer.disconnect();
    resolve(found);
  });
  observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
})`;

/** In the page: the enabled button with this text. */
export const BUTTON = `(text) => [...document.querySelectorAll('button')]
  .find((button) => button.textContent.trim() === text && !button.disabled)`;
