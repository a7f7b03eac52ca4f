import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import type { ShareResponse } from '../../../services/contracts/http.ts';
import { tempDirectory } from '../../support/cleanup.ts';

const run = promisify(execFile);
const CURL_DEADLINE_MS = 120_000;

/** What curl says of a request: status, body's length, and the file it wrote. */
export interface Fetched {
  readonly status: number;
  readonly path: string;
}

/** Fetches to a file of its own, as a person in a shell does: one transfer, no retries. */
export async function curl(url: string, args: readonly string[] = []): Promise<Fetched> {
  const path = join(tempDirectory('curl'), 'body');
  const { stdout } = await run('curl', ['-sS', '-o', path, '-w', '%{http_code}', ...args, url], {
    timeout: CURL_DEADLINE_MS,
  });
  return { status: Number(stdout), path };
}

/** Clicks, and answers the path of what the browser saved, with the name that it gave the file. */
export async function download(page: Page, target: Locator): Promise<{ path: string; name: string }> {
  const [begun] = await Promise.all([page.waitForEvent('download'), target.click()]);
  return { path: await begun.path(), name: begun.suggestedFilename() };
}

/** A file's SHA-256: a second opinion that shares no code with what is tested. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Unpacks with Python's zipfile, which checks every CRC-32; answers relative path -> SHA-256. */
export async function unzip(path: string): Promise<Record<string, string>> {
  const folder = tempDirectory('zip');
  await run('python3', ['-m', 'zipfile', '-e', path, folder], { timeout: CURL_DEADLINE_MS });
  return await treeOf(folder);
}

/** Every file of a folder: relative path -> SHA-256. */
export async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const entry of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, entry);
    if ((await stat(path)).isFile()) tree[entry] = await sha256(path);
  }
  return tree;
}

/** What a server tells recipients of a link, asked at `serverUrl` whatever host the link names. */
export async function shareOf(serverUrl: string, link: string): Promise<ShareResponse> {
  const answer = await fetch(`${serverUrl}/api/shares/${link.split('/').at(-1)}`);
  if (answer.status !== 200) throw new Error(`${answer.status} for ${link}: ${await answer.text()}`);
  return (await answer.json()) as ShareResponse;
}
