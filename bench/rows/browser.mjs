// The page sends a file from its worker; the same browser PUTs Blob slices to the bare server.
import { Browser, BUTTON, UNTIL } from '../lib/browser.mjs';
import { figuresOf, interleave, ratioOf } from '../lib/measure.mjs';
import { remove } from '../lib/servers.mjs';
import { sourceFile } from '../lib/source.mjs';

const BARE_NAME = 'bare Node, Blob slices of 8 MiB x 6';
const SEND = `(async () => {
  const until = ${UNTIL};
  const button = ${BUTTON};
  const send = await until(() => button('Send'));
  const startedMs = performance.now();
  send.click();
  const link = await until(() => document.querySelector('a[aria-label^="Link: "]'));
  await until(() => document.body.innerText.includes('Sent and verified'));
  return { seconds: (performance.now() - startedMs) / 1000, link: link.href };
})()`;
const PUT_SLICES = `(async () => {
  const file = document.querySelector('#bench').files[0];
  const runBytes = 8 * 1024 * 1024;
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: 6 }, async () => {
    while (next < file.size) {
      const offset = next;
      next += runBytes;
      const answer = await fetch('/upload.bin?offset=' + offset, { method: 'PUT', body: file.slice(offset, offset + runBytes) });
      if (!answer.ok) throw new Error('PUT answered ' + answer.status);
      await answer.text();
    }
  }));
  return { seconds: (performance.now() - startedMs) / 1000 };
})()`;
const MAKE_INPUT = `document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'bench' }))`;

export async function browserUpload({ servers, peerLink, bare, settings, say, bar }) {
  const { sizeBytes, rounds } = settings;
  const path = await sourceFile(servers, sizeBytes);
  const browser = new Browser();
  say('upload from Chromium');
  try {
    let page = null;
    const samples = await interleave(
      [
        {
          name: 'PeerLink, its page',
          server: peerLink.server,
          run: async () => {
            page = await browser.open(`${peerLink.origin}/`);
            const input = `document.querySelector('input[type=file][aria-label="Choose files"]')`;
            await page.run(`(${UNTIL})(() => ${input}).then(() => null)`);
            await page.choose(input, [path]);
            const { seconds } = await page.run(SEND);
            return { seconds, bytes: sizeBytes };
          },
          after: async () => {
            await page.run(`(async () => {
              const { transfers } = await (await fetch('/api/transfers')).json();
              for (const { id } of transfers) await fetch('/api/transfers/' + id, { method: 'DELETE' });
            })()`);
            await page.close();
          },
        },
        {
          name: BARE_NAME,
          server: bare.server,
          run: async () => {
            page = await browser.open(`http://127.0.0.1:${bare.port}/`);
            await page.run(`void ${MAKE_INPUT}`);
            await page.choose(`document.querySelector('#bench')`, [path]);
            const { seconds } = await page.run(PUT_SLICES);
            return { seconds, bytes: sizeBytes };
          },
          after: async () => {
            await page.close();
            await remove(bare.port, '/upload.bin');
          },
        },
      ],
      Math.max(3, rounds - 2),
      say,
    );
    bar('browser upload of bare Node, Blob slices', ratioOf(samples, 'PeerLink, its page', BARE_NAME), 0.8, 0.9);
    return { 'upload from Chromium': figuresOf(samples) };
  } finally {
    await browser.close();
  }
}
