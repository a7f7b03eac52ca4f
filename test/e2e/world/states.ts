import type { Browser } from 'playwright-core';
import { newRoom, personAt } from '../../support/people.ts';
import type { TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { RecordedStream } from '../recorded/stream.ts';
import { inspect } from './inspection.ts';
import { pickOwnFile } from './own-file.ts';
import { NETWORK_NEWS, visit } from './visit.ts';

const MIB = 1024 * 1024;

/** Looks at the people's page in the states that need nobody's second browser. */
export async function seePeople(browser: Browser, server: TestServer): Promise<void> {
  const room = await newRoom(server);
  const sender = await personAt(server, 'Quiet Heron', room);
  const page = await visit(browser, 'about:blank', { mayAppear: NETWORK_NEWS });
  await page.addInitScript(pickOwnFile);
  let mode: 'silent' | 'open' | 'closed' = 'silent';
  const sockets: { close(): Promise<void> }[] = [];
  await page.routeWebSocket(/\/socket\.io\//, (socket) => {
    sockets.push(socket);
    if (mode === 'closed') void socket.close();
    if (mode === 'open') socket.connectToServer();
  });
  await page.goto(`${server.url}/people`);
  await page.getByText('Entering the room').waitFor();
  await inspect(page, 'people, loading');
  mode = 'open';
  await page.clock.install();
  await page.goto(`${server.url}/people/0O0O`);
  await page.getByText('You could not enter this room').waitFor();
  await inspect(page, 'people, refused');

  await page.goto(`${server.url}/people/${room}`);
  await page.getByRole('button', { name: 'Quiet Heron' }).waitFor();
  const { people } = await sender.tell<{ people: { id: string }[] }>('people.join', { room });
  const opened = await sender.open({
    to: people.map(({ id }) => id),
    files: [{ path: 'a.bin', sizeBytes: 2 * MIB }],
  });
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.getByText('Saving', { exact: true }).first().waitFor();
  await page.context().setOffline(true);
  await page.getByText('No network. You are seen again').waitFor();
  await page.getByText('No connection. It goes on by itself').first().waitFor();
  await inspect(page, 'people, paused and offline');
  mode = 'closed';
  await page.context().setOffline(false);
  await Promise.all(sockets.map((socket) => socket.close()));
  await waitFor('it gives up', 30_000, async () => {
    await page.clock.fastForward(6_000);
    return await page.getByText('You are not seen: the server did not answer.').isVisible();
  });
  await inspect(page, 'people, gave up');
  await sender.ask('DELETE', `/api/transfers/${opened.transfer.id}`);
  sender.disconnect();
}

/** Looks at the operator's page in the states that need no real cluster. */
export async function seeCluster(browser: Browser, server: TestServer): Promise<void> {
  const page = await visit(browser, server.url, { mayAppear: NETWORK_NEWS });
  const overviews = '**/api/operator/overview';
  // Each route goes before the ones until then: in a gap between two the server itself would answer, and end the visit.
  await page.route(overviews, () => undefined);
  await page.goto(`${server.url}/cluster`);
  await page.getByText('Asking the nodes').waitFor();
  await inspect(page, 'cluster, loading');
  await page.route(overviews, (route) => route.fulfill({ status: 500 }));
  await page.reload();
  await page.getByRole('button', { name: 'Ask now' }).waitFor();
  await inspect(page, 'cluster, failed');
  // One second of it again and again: a node drains, another is late, and every open transfer stands still.
  const still = new RecordedStream({ nodes: 4, transfers: 6, seed: 7 }).next();
  const states = ['draining', 'degraded', 'healthy', 'healthy'] as const;
  const nodes = still.nodes.map((node, index) => ({
    ...node,
    isAnswering: true,
    health: {
      ...node.health,
      state: states[index] ?? 'healthy',
      reasons: index === 1 ? [{ what: 'no_bus' }] : [],
    },
  }));
  const body = JSON.stringify({ ...still, nodes, flows: [], leader: null });
  await page.route(overviews, (route) => route.fulfill({ contentType: 'application/json', body }));
  // The page asks by itself, too, and then there is nothing to press.
  const hasAnswer = page.getByText('No leader right now.').waitFor();
  const askNow = page.getByRole('button', { name: 'Ask now' }).click();
  await Promise.race([hasAnswer, askNow.then(() => hasAnswer)]);
  await page.getByRole('row').filter({ hasText: 'Draining' }).waitFor();
  await waitFor('nothing moves', 10_000, async () => (await page.locator('.cells-moving').count()) === 0);
  await inspect(page, 'cluster, paused');
}
