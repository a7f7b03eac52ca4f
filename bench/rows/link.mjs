// From the drop to a link that answers: the page gets a real drop event, Send is pressed as soon as it can be, and the
// link is asked for once it is there; it must answer 200 at once.
import { Browser, BUTTON, UNTIL } from '../lib/browser.mjs';
import { quantile, round } from '../lib/measure.mjs';

const dropAndWait = (count) => `(async () => {
  const until = ${UNTIL};
  const button = ${BUTTON};
  const transfer = new DataTransfer();
  for (let i = 0; i < ${count}; i += 1) transfer.items.add(new File(['file ' + i], 'file-' + i + '.txt'));
  const event = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer, clientX: 200, clientY: 200 });
  const startedMs = performance.now();
  document.body.dispatchEvent(event);
  (await until(() => button('Send'))).click();
  const link = await until(() => document.querySelector('a[aria-label^="Link: "]'));
  const shownMs = performance.now() - startedMs;
  const answer = await fetch(link.href, { method: 'HEAD', headers: { accept: '*/*' } });
  if (answer.status !== 200) throw new Error('the link answered ' + answer.status);
  return { totalMs: performance.now() - startedMs, shownMs };
})()`;

async function measure(browser, peerLink, fileCount, repeats) {
  const samples = [];
  for (let i = -2; i < repeats; i += 1) {
    const page = await browser.open(`${peerLink.origin}/`);
    await page.run(`(${UNTIL})(() => document.querySelector('input[type=file]')).then(() => null)`);
    // The page has greeted the server and is at rest, as when a person drops something on it.
    await page.run('new Promise((resolve) => requestIdleCallback(() => setTimeout(resolve, 100)))');
    const sample = await page.run(dropAndWait(fileCount));
    await page.run(`(async () => {
      const { transfers } = await (await fetch('/api/transfers')).json();
      for (const { id } of transfers) await fetch('/api/transfers/' + id, { method: 'DELETE' });
    })()`);
    await page.close();
    if (i >= 0) samples.push(sample);
  }
  const of = (name, share) =>
    round(
      quantile(
        samples.map((sample) => sample[name]),
        share,
      ),
      0,
    );
  return { drops: repeats, p50Ms: of('totalMs', 0.5), p95Ms: of('totalMs', 0.95), shownP95Ms: of('shownMs', 0.95) };
}

export async function link({ peerLink, settings, say, bar }) {
  const repeats = settings.isQuick ? 10 : 50;
  say('from the drop to a link that answers');
  const browser = new Browser();
  try {
    const figures = {};
    for (const fileCount of [1, 1000]) {
      const found = await measure(browser, peerLink, fileCount, repeats);
      figures[`${fileCount} ${fileCount === 1 ? 'file' : 'files'}`] = found;
      bar(`drop to link, ${fileCount} file(s), p95 of ${repeats}, ms`, found.p95Ms, { atMost: 300 });
    }
    return { 'drop to link': figures };
  } finally {
    await browser.close();
  }
}
