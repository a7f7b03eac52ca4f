import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { b3sum, makePatternFile } from '../support/files.ts';
import { treeWithPage } from '../support/page-build.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { type Line, openLine, type SeenStep } from './world/line.ts';
import { chooseBy, digestOn, pressSend } from './world/send.ts';
import { NETWORK_NEWS, visit } from './world/visit.ts';

const MIB = 1024 * 1024;
const FILE_BYTES = 48 * MIB + 4321;
const CHUNK_BYTES = MIB;
/** Enough for some runs to be stored, and not for all. */
const FIRST_BYTES = 16 * MIB;
/** "Asserting the hard maximum of 5 s, frozen 10 s." */
const KILLED_MOST_MS = 5_000;
const FROZEN_MOST_MS = 10_000;

let browser: Browser;
let postgres: TestPostgres;
let tree: string;
let source: string;
let sourceDigest: string;

beforeAll(async () => {
  tree = await treeWithPage({ VITE_USE_CLUSTER: 'true' });
  [browser, postgres] = await Promise.all([launchBrowser(), startPostgres()]);
  source = join(tempDirectory('cluster'), 'film.mov');
  await makePatternFile(source, FILE_BYTES, { seed: 'cluster' });
  sourceDigest = await b3sum(source);
}, 300_000);

/** "No committed chunk is sent again": of those the client was told of, by an answer or a status. */
function sentAgain(steps: readonly SeenStep[]): number[] {
  const stored = new Set<number>();
  const again: number[] = [];
  for (const step of steps) {
    if (step.step === 'status') {
      for (const [first, end] of step.committed) for (let chunk = first; chunk < end; chunk += 1) stored.add(chunk);
      continue;
    }
    const first = step.put.offsetBytes / CHUNK_BYTES;
    for (let chunk = first; chunk * CHUNK_BYTES < step.put.offsetBytes + step.put.sizeBytes; chunk += 1) {
      if (step.step === 'stored') stored.add(chunk);
      else if (stored.has(chunk)) again.push(chunk);
    }
  }
  return again;
}

const sum = (lines: readonly Line[]) => lines.reduce((bytes, line) => bytes + line.passedBytes(), 0);

/** Sends the file through the page until some of it is stored and the rest is held. */
async function beginUpload(page: Page, lines: readonly Line[], steps: readonly SeenStep[]): Promise<void> {
  for (const line of lines) line.hold();
  await chooseBy(page, 'Choose files', source);
  await pressSend(page);
  await waitFor('the first run is sent', 20_000, () => sum(lines) > 0 || lines.some(({ puts }) => puts.length > 0));
  for (const line of lines.filter(({ puts }) => puts.length > 0)) line.allow(FIRST_BYTES);
  await waitFor('some runs are stored', 20_000, () => steps.filter(({ step }) => step === 'stored').length >= 2);
}

/** Opens the lines and waits until something more is stored; answers after how long. */
async function resumedOn(lines: readonly Line[], steps: readonly SeenStep[], deadlineMs = 30_000): Promise<number> {
  const startedMs = performance.now();
  const stored = () => steps.filter(({ step }) => step === 'stored').length;
  const before = stored();
  for (const line of lines) line.allow(Number.POSITIVE_INFINITY);
  await waitFor('the upload goes on', deadlineMs, () => stored() > before);
  return performance.now() - startedMs;
}

describe('a page built for a cluster, where browsers may reach each node', () => {
  let cluster: TestCluster;
  const lines: Line[] = [];
  const steps: SeenStep[] = [];
  let ports: readonly number[];
  const optionsOf = (index: number) => ({
    root: tree,
    port: ports[index] ?? 0,
    env: { NODE_PUBLIC_URL: lines[index]?.url },
  });
  const nodeOf = (index: number): TestServer => {
    const node = cluster.nodes.findLast(({ port }) => port === ports[index]);
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  };
  const lineOf = (index: number): Line => {
    const line = lines[index];
    if (line === undefined) throw new Error(`there is no line ${index}`);
    return line;
  };

  beforeAll(async () => {
    ports = await Promise.all([0, 1, 2, 3].map(() => freePort()));
    for (const port of ports) lines.push(await openLine(port, steps));
    cluster = await startCluster({ nodes: 3, postgres, own: optionsOf });
  }, 180_000);

  it('goes direct to the home, and on through another node when that is killed, sending nothing again', async () => {
    steps.length = 0;
    const page = await visit(browser, lineOf(0).url, { mayAppear: NETWORK_NEWS });
    await beginUpload(page, lines, steps);
    expect(lines.map(({ puts }) => puts.length > 0)).toEqual([true, false, false, false]);
    await nodeOf(0).kill9();
    const [, tookMs] = await Promise.all([
      page.getByText('The node went away; going on through another').first().waitFor(),
      resumedOn(lines.slice(1), steps),
    ]);
    expect(await digestOn(page)).toBe(sourceDigest);
    expect(sentAgain(steps)).toEqual([]);
    expect(tookMs).toBeLessThan(KILLED_MOST_MS);
    expect(await page.getByRole('alert').count()).toBe(0);
    process.stdout.write(`home killed: the upload went on after ${Math.round(tookMs)} ms\n`);
    await cluster.start({ ...optionsOf(0), dataDirectory: nodeOf(0).dataDirectory });
    await cluster.settled();
  }, 60_000);

  it('finds a node that was added by itself, and leaves one that drains', async () => {
    steps.length = 0;
    for (const line of lines) line.hold();
    const page = await visit(browser, lineOf(1).url, { mayAppear: NETWORK_NEWS });
    await beginUpload(page, lines, steps);
    const added = await cluster.start(optionsOf(3));
    await cluster.settled();

    const before = lineOf(1).puts.length;
    const drained = nodeOf(1).stop();
    const others = [lineOf(0), lineOf(2), lineOf(3)];
    for (const line of lines) line.allow(Number.POSITIVE_INFINITY);
    expect(await digestOn(page)).toBe(sourceDigest);
    expect((await drained).code).toBe(0);
    expect(sum(others)).toBeGreaterThan(0);
    expect(lineOf(1).puts.length - before).toBeLessThanOrEqual(6);
    expect(sentAgain(steps)).toEqual([]);
    expect(added.process.isRunning()).toBe(true);

    await cluster.start({ ...optionsOf(1), dataDirectory: nodeOf(1).dataDirectory });
    await cluster.settled();
    // The page is the one from before: what it knows of the new node it has found out by itself.
    await page.getByRole('button', { name: 'Send more' }).click();
    await chooseBy(page, 'Choose files', source);
    await pressSend(page);
    await waitFor('the page looks at the new node', 20_000, () => lineOf(3).asked.includes('/api/cluster'));
    expect(await digestOn(page)).toBe(sourceDigest);
  }, 90_000);
});

describe('the same page behind one address', () => {
  let cluster: TestCluster;
  let line: Line;
  const steps: SeenStep[] = [];
  const nodeOf = (index: number): TestServer => cluster.nodes[index] as TestServer;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3, postgres, redis: await startRedis(), own: () => ({ root: tree }) });
    line = await openLine(nodeOf(0).port, steps);
  }, 180_000);

  it('survives the kill of the node that its requests go through', async () => {
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    await chooseBy(page, 'Choose files', source);
    // Opened at node 0, sent through node 1.
    await pressSend(page);
    line.leadTo(nodeOf(1).port);
    await waitFor('runs are sent', 20_000, () => line.puts.length > 0);
    line.allow(FIRST_BYTES);
    await waitFor('some runs are stored', 20_000, () => steps.filter(({ step }) => step === 'stored').length >= 2);
    await nodeOf(1).kill9();
    line.leadTo(nodeOf(2).port);
    const tookMs = await resumedOn([line], steps);
    expect(await digestOn(page)).toBe(sourceDigest);
    expect(sentAgain(steps)).toEqual([]);
    expect(tookMs).toBeLessThan(KILLED_MOST_MS);
    process.stdout.write(`gateway killed: the upload went on after ${Math.round(tookMs)} ms\n`);
  }, 60_000);

  it('goes on within ten seconds when the home freezes, and the thawed node does no harm', async () => {
    steps.length = 0;
    line.hold();
    line.leadTo(nodeOf(0).port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    await beginUpload(page, [line], steps);
    nodeOf(0).process.signal('SIGSTOP');
    line.leadTo(nodeOf(2).port);
    const tookMs = await resumedOn([line], steps);
    nodeOf(0).process.signal('SIGCONT');
    expect(await digestOn(page)).toBe(sourceDigest);
    expect(sentAgain(steps)).toEqual([]);
    expect(tookMs).toBeLessThan(FROZEN_MOST_MS);
    process.stdout.write(`home frozen: the upload went on after ${Math.round(tookMs)} ms\n`);
  }, 60_000);
});
