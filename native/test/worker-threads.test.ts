import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import nodeGypBuild from 'node-gyp-build';
import { loadNetIo } from '../index.ts';
import { pattern } from './support.ts';

const binary = nodeGypBuild.resolve(join(__dirname, '..'));

/** Runs code with the addon as `addon` in a worker thread. */
function start(code: string): Worker {
  return new Worker(
    `const { parentPort } = require('node:worker_threads'); const addon = require(${JSON.stringify(binary)}); ${code}`,
    { eval: true, execArgv: [] },
  );
}

describe('the addon in worker threads', () => {
  const netIo = loadNetIo({ useNative: true });

  it('loads and unloads again and again, in several threads at once, and gives the same digests', async () => {
    const expected = netIo.hash(pattern(300_000)).toString('hex');
    const code = `
      const input = Uint8Array.from({ length: 300000 }, (_, i) => i % 251);
      const hasher = new addon.Hasher(0);
      hasher.update(input);
      const out = Buffer.alloc(32);
      hasher.digest(out);
      addon.hashAsync(input).then((d) => parentPort.postMessage([out.toString('hex'), d.toString('hex')]));`;
    for (let round = 0; round < 5; round++) {
      const workers = [start(code), start(code), start(code)];
      const answers = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
      expect(answers).toEqual(Array.from({ length: 3 }, () => [expected, expected]));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  });

  it('survives the end of a thread whose jobs still run', async () => {
    for (let round = 0; round < 8; round++) {
      const worker = start(`
        const input = new Uint8Array(16 * 2 ** 20);
        for (let i = 0; i < 6; i++) { addon.hashAsync(input); addon.chunkValue([input], 0); }
        parentPort.postMessage('started');`);
      await once(worker, 'message');
      await worker.terminate();
    }
    expect(await netIo.hashAsync(pattern(2 ** 21))).toEqual(netIo.hash(pattern(2 ** 21)));
  });

  it('hashes a buffer that was transferred to another thread while its job runs', async () => {
    const worker = start(
      `parentPort.on('message', (bytes) => { bytes.fill(0xff); parentPort.postMessage(bytes.length); });`,
    );
    for (let round = 0; round < 10; round++) {
      const bytes = new Uint8Array(8 * 2 ** 20);
      const job = netIo.hashAsync(bytes);
      worker.postMessage(bytes, [bytes.buffer]);
      await once(worker, 'message');
      expect(await job).toHaveLength(32);
    }
    await worker.terminate();
  });
});
