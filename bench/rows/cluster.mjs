// Across nodes. Figures of CPU are those of both servers of a chain together.
import { figuresOf, interleave, quantile, ratioOf, round } from '../lib/measure.mjs';
import { runClient } from '../lib/processes.mjs';
import { getBody, putBody, remove } from '../lib/servers.mjs';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** Several processes as one, for their CPU. */
const together = (...servers) => ({ cpuSeconds: () => servers.reduce((sum, server) => sum + server.cpuSeconds(), 0) });

/** A node that was busy a moment ago gives openings to others; these rows are about who is home, so it is waited for. */
async function openAt(home, sizeBytes) {
  for (let tries = 0; tries < 120; tries += 1) {
    const transfer = await home.open(sizeBytes);
    const answer = await fetch(`${home.origin}/api/transfers/${transfer.id}`, { headers: transfer.headers });
    if ((await answer.json()).home.nodeId === home.nodeId()) return transfer;
    await home.remove(transfer);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error('openings go to other nodes');
}

async function sealedAt(home, transfer) {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await home.status(transfer)).state === 'sealed') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('not sealed');
}

/** A turn in which a transfer at `home` is written; opening and removing are not timed. */
function writeTurn(name, home, servers, sizeBytes, act) {
  let transfer = null;
  return {
    name,
    server: together(...servers),
    run: async () => {
      transfer = await openAt(home, sizeBytes);
      await act.prepare?.(transfer);
      return await act.run(transfer);
    },
    after: async () => {
      await sealedAt(home, transfer);
      await home.remove(transfer);
    },
  };
}

export async function download({ nodes, bare, forwarder, settings, say, bar }) {
  const { home, gate, plainGate } = nodes;
  const { sizeBytes, rounds } = settings;
  await putBody(bare.port, '/download.bin', sizeBytes);
  const transfer = await openAt(home, sizeBytes);
  await home.put(transfer, sizeBytes);
  await sealedAt(home, transfer);
  const at = (name, node) => ({
    name,
    server: node === home ? home.server : together(node.server, home.server),
    run: () => getBody(node.port, transfer.readPath, sizeBytes),
  });
  const [across, plain, same] = ['across nodes', 'across nodes, not obfuscated', 'same node'];
  say('download');
  const samples = await interleave(
    [
      at(across, gate),
      at(plain, plainGate),
      at(same, home),
      {
        name: 'bare chain',
        server: together(forwarder.server, bare.server),
        run: () => getBody(forwarder.port, '/download.bin', sizeBytes),
      },
    ],
    rounds,
    say,
  );
  bar('download across nodes of a bare chain', ratioOf(samples, across, 'bare chain'), 0.75, 0.85);
  bar('download across nodes, obfuscated, of not obfuscated', ratioOf(samples, across, plain), 0.97);
  say(`  of the same node: ${ratioOf(samples, across, same).toFixed(2)}`);
  await home.remove(transfer);
  await remove(bare.port, '/download.bin');
  return { 'download across nodes': figuresOf(samples) };
}

export async function upload({ nodes, bare, forwarder, settings, say, bar }) {
  const { home, gate, plainGate, safeHome } = nodes;
  const { sizeBytes, rounds } = settings;
  const [across, plain, same, safe] = [
    'across nodes',
    'across nodes, not obfuscated',
    'same node',
    'same node, with a replica',
  ];
  const through = (name, node) =>
    writeTurn(name, home, node === home ? [home.server] : [node.server, home.server], sizeBytes, {
      run: (transfer) => node.put(transfer, sizeBytes),
    });
  const all = [safeHome.server, home.server, gate.server, plainGate.server];
  say('upload');
  const samples = await interleave(
    [
      through(across, gate),
      through(plain, plainGate),
      through(same, home),
      writeTurn(safe, safeHome, all, sizeBytes, {
        prepare: (transfer) => inSync(safeHome, transfer),
        run: (transfer) => safeHome.put(transfer, sizeBytes),
      }),
      {
        name: 'bare chain',
        server: together(forwarder.server, bare.server),
        run: () => putBody(forwarder.port, '/upload.bin', sizeBytes),
        after: () => remove(bare.port, '/upload.bin'),
      },
    ],
    rounds,
    say,
  );
  bar('upload across nodes of a bare chain', ratioOf(samples, across, 'bare chain'), 0.75, 0.85);
  bar('upload with a replica of the same without', ratioOf(samples, safe, same), 0.4, 0.45);
  say(`  across nodes of the same node: ${ratioOf(samples, across, same).toFixed(2)}`);
  return { 'upload across nodes': figuresOf(samples) };
}

/** The replica is attached after the opening; the row is about what comes then. */
async function inSync(home, transfer) {
  const isAttached = (log) =>
    log.includes(transfer.id) &&
    log.split('\n').some((line) => line.includes('"in_sync"') && line.includes(transfer.id));
  for (let tries = 0; tries < 400; tries += 1) {
    if (isAttached(home.server.log())) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no replica came');
}

export async function relay({ servers, nodes, bare, forwarder, redis, settings, say, bar }) {
  const { home, gate } = nodes;
  const { sizeBytes, rounds } = settings;
  const chain = await servers.pipeChain();
  const socketNodes = [
    await servers.socketRedis('socket-a', redis.port, redis.password),
    await servers.socketRedis('socket-b', redis.port, redis.password),
  ];
  const path = '/relay/relay.bin';
  const getPath = `${path}?size=${sizeBytes}`;
  const task = { kind: 'relay', headers: {}, sizeBytes };
  const across = 'sender at its home, reader at another node';
  say('live relay');
  const samples = await interleave(
    [
      writeTurn(across, home, [home.server, gate.server], sizeBytes, {
        run: ({ path: putPath, readPath, headers }) =>
          runClient('raw-http.mjs', {
            ...task,
            port: home.port,
            getPort: gate.port,
            getPath: readPath,
            putPath,
            headers,
          }),
      }),
      {
        name: 'bare chain, stored',
        server: together(bare.server, forwarder.server),
        run: () =>
          runClient('raw-http.mjs', { ...task, port: bare.port, getPort: forwarder.port, getPath, putPath: path }),
        after: () => remove(bare.port, '/relay.bin'),
      },
      {
        name: 'HTTP by pipe, two hops',
        server: together(chain.front.server, chain.back.server),
        run: () =>
          runClient('raw-http.mjs', {
            ...task,
            port: chain.front.port,
            getPort: chain.back.port,
            getPath,
            putPath: path,
          }),
      },
      {
        name: 'Socket.IO with the Redis adapter',
        server: together(...socketNodes.map(({ server }) => server)),
        run: () =>
          runClient('socket-relay.mjs', {
            sendPort: socketNodes[0].port,
            readPort: socketNodes[1].port,
            sizeBytes: sizeBytes / 4,
            chunkBytes: MIB,
            windowChunks: 8,
          }),
      },
    ],
    rounds,
    say,
  );
  bar('relay across nodes of a bare chain', ratioOf(samples, across, 'bare chain, stored'), 0.75, 0.85);
  const reach = (name, other, least) =>
    bar(name, ratioOf(samples, across, other), least, undefined, ratioOf(samples, 'bare chain, stored', other));
  reach('relay across nodes of HTTP by pipe, two hops', 'HTTP by pipe, two hops', 1.3);
  reach('relay across nodes of Socket.IO with the Redis adapter', 'Socket.IO with the Redis adapter', 5);
  for (const { server } of [chain.front, chain.back, ...socketNodes]) await server.stop();
  return { 'live relay across nodes': figuresOf(samples) };
}

export async function latency({ nodes, settings, say, bar }) {
  const { home, gate } = nodes;
  const chunkCount = settings.isQuick ? 200 : 1000;
  const measure = async (count) => {
    const transfer = await openAt(home, count * MIB);
    const { path, readPath, headers } = transfer;
    const task = { port: home.port, readPort: gate.port, path, readPath, headers, chunkBytes: MIB, chunkCount: count };
    const { delaysMs } = await runClient('latency.mjs', task);
    await home.remove(transfer);
    return delaysMs;
  };
  say('commit of a chunk to its delivery at a reader of another node');
  await measure(50);
  const delaysMs = await measure(chunkCount);
  const figure = (share) => round(quantile(delaysMs, share), 2);
  bar('commit to delivery across nodes, p95, ms', figure(0.95), { atMost: 100 });
  const found = { chunks: chunkCount, p50Ms: figure(0.5), p95Ms: figure(0.95), p99Ms: figure(0.99), maxMs: figure(1) };
  return { 'commit to delivery across nodes': found };
}

export async function loopDelay({ nodes, settings, say, bar }) {
  const { home, gate } = nodes;
  const { sizeBytes } = settings;
  say('event loop delay while 4 streams go each way');
  const read = await openAt(home, sizeBytes);
  await home.put(read, sizeBytes);
  const written = await openAt(home, sizeBytes);
  const { result, delay: gateDelay } = await gate.server.loopDelayDuring(() =>
    home.server.loopDelayDuring(() => Promise.all([gate.get(read, 4), gate.putRuns(written, sizeBytes)])),
  );
  bar('event loop delay under load, between client and home, p99, ms', gateDelay.p99Ms, { atMost: 50 });
  bar('event loop delay under load, at home, p99, ms', result.delay.p99Ms, { atMost: 50 });
  for (const transfer of [read, written]) await home.remove(transfer);
  return { 'event loop delay under load': { gate: gateDelay, home: result.delay } };
}

export async function slowReader({ nodes, settings, say, bar }) {
  const { home, gate } = nodes;
  const sizeBytes = (settings.isQuick ? 0.5 : 2) * GIB;
  const seconds = settings.isQuick ? 10 : 60;
  say(`a reader of 1 MB/s at another node, ${sizeBytes / GIB} GiB, for ${seconds} s`);
  const transfer = await openAt(home, sizeBytes);
  await home.put(transfer, sizeBytes);
  await gate.get(transfer);
  const servers = { gate: gate.server, home: home.server };
  const before = Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, server.rssBytes()]));
  const most = { ...before };
  const timer = setInterval(() => {
    for (const [name, server] of Object.entries(servers)) most[name] = Math.max(most[name], server.rssBytes());
  }, 250);
  const task = { port: gate.port, path: transfer.readPath, bytesPerSecond: 1_000_000, seconds };
  const { bytes } = await runClient('slow-reader.mjs', task);
  clearInterval(timer);
  await home.remove(transfer);
  const grownMib = Object.fromEntries(
    Object.keys(servers).map((name) => [name, round((most[name] - before[name]) / MIB, 1)]),
  );
  for (const [name, mib] of Object.entries(grownMib)) bar(`memory of a slow reader, ${name}, MiB`, mib, { atMost: 64 });
  return { 'slow reader': { readMib: round(bytes / MIB, 1), grownMib } };
}
