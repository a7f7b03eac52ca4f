// showcase/demo.mp4: a real direct send between two people at two nodes, their pages side by side.

import { mkdir, open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../setup/process.mjs';
import { ensureShowcasePrograms } from '../setup/programs.mjs';

const MIB = 1024 * 1024;
const DEADLINE_MS = 120_000;
/** What a clone should not grow by for a film. */
const MAX_FILM_BYTES = 3 * MIB;
const PAGE = { width: 640, height: 720 };
const FRAMES_PER_SECOND = 25;
/** Long enough to watch the bytes move. */
const FILE_BYTES = 640 * MIB;

/** What the page shows from now on, as pictures with their times. */
async function film(page, folder) {
  await mkdir(folder, { recursive: true });
  const session = await page.context().newCDPSession(page);
  const frames = [];
  const writing = [];
  session.on('Page.screencastFrame', ({ data, metadata, sessionId }) => {
    const path = join(folder, `${String(frames.length).padStart(5, '0')}.jpg`);
    frames.push({ path, atSeconds: metadata.timestamp });
    writing.push(writeFile(path, Buffer.from(data, 'base64')));
    session.send('Page.screencastFrameAck', { sessionId }).catch(() => {});
  });
  await session.send('Page.startScreencast', { format: 'jpeg', quality: 92, everyNthFrame: 1 });
  return {
    frames,
    stop: async () => {
      await session.send('Page.stopScreencast');
      await Promise.all(writing);
    },
  };
}

/** A list for ffmpeg: each picture for as long as it was on the screen. */
async function listOf(frames, path, fromSeconds, toSeconds) {
  const before = frames.findLastIndex((frame) => frame.atSeconds <= fromSeconds);
  const shown = frames.slice(Math.max(0, before)).filter((frame) => frame.atSeconds < toSeconds);
  const lines = shown.flatMap((frame, index) => {
    const from = Math.max(frame.atSeconds, fromSeconds);
    const to = shown[index + 1]?.atSeconds ?? toSeconds;
    return [`file '${frame.path}'`, `duration ${Math.max(0.001, to - from).toFixed(3)}`];
  });
  // ffmpeg heeds the last picture's duration only when another one follows.
  lines.push(`file '${shown.at(-1).path}'`);
  await writeFile(path, `ffconcat version 1.0\n${lines.join('\n')}\n`);
}

async function compose(ffmpeg, lists, out) {
  const { width, height } = PAGE;
  const side = (index) => `[${index}:v]fps=${FRAMES_PER_SECOND},scale=${width}:${height},setsar=1[s${index}]`;
  const { code, output } = await run(
    ffmpeg,
    [
      '-y',
      ...lists.flatMap((list) => ['-safe', '0', '-f', 'concat', '-i', list]),
      '-filter_complex',
      `${side(0)};${side(1)};[s0][s1]hstack=inputs=2[v]`,
      ...['-map', '[v]', '-c:v', 'libx264', '-preset', 'slow', '-crf', '26', '-pix_fmt', 'yuv420p'],
      ...['-movflags', '+faststart', '-an', out],
    ],
    { isQuiet: true },
  );
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}\n${output}`);
}

async function openPage(browser, url, colorScheme) {
  const context = await browser.newContext({ viewport: PAGE, colorScheme, locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  // The browser's dialog cannot be filmed: what it would answer is a file of the browser's private store.
  await page.addInitScript(() => {
    const pick = async ({ suggestedName }) =>
      (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
    Object.assign(window, { showSaveFilePicker: pick });
  });
  await page.goto(url);
  return page;
}

/** From an empty room to a file that is there. */
async function play(sender, recipientOf, file) {
  await sender.getByRole('button', { name: 'Make a room' }).click();
  await sender.getByText('Nobody else is here yet').waitFor();
  const code = sender.url().split('/people/')[1];
  const recipient = await recipientOf(code);
  const person = sender.getByRole('region', { name: 'People in this room' }).getByRole('button');
  await person.waitFor();
  const films = await Promise.all([film(sender, `${file}.left`), film(recipient, `${file}.right`)]);
  await delay(1_200);
  const fromSeconds = Date.now() / 1000;
  await delay(1_500);
  await person.click();
  await delay(1_200);
  await sender.locator('input[type=file]').first().setInputFiles(file);
  await recipient.getByRole('button', { name: 'Accept' }).waitFor();
  await delay(2_500);
  await recipient.getByRole('button', { name: 'Accept' }).click();
  await recipient.getByText('You have all of it').first().waitFor();
  await sender.getByText('has all of it').first().waitFor();
  await delay(2_500);
  const toSeconds = Date.now() / 1000;
  await Promise.all(films.map((one) => one.stop()));
  return { films, fromSeconds, toSeconds };
}

/** @param urls of two nodes of one cluster */
export async function recordDemo(browser, [left, right], folder, out) {
  const ffmpeg = await ensureShowcasePrograms();
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'Coast at dawn.mp4');
  try {
    const handle = await open(file, 'w');
    await handle.truncate(FILE_BYTES);
    await handle.close();
    const sender = await openPage(browser, `${left}/people`, 'light');
    const recipientOf = (code) => openPage(browser, `${right}/people/${code}`, 'dark');
    const { films, fromSeconds, toSeconds } = await play(sender, recipientOf, file);
    const lists = [join(folder, 'left.txt'), join(folder, 'right.txt')];
    for (const [index, { frames }] of films.entries()) await listOf(frames, lists[index], fromSeconds, toSeconds);
    await compose(ffmpeg, lists, out);
    for (const context of browser.contexts()) await context.close();
    const { size } = await stat(out);
    console.error(`showcase/demo.mp4 ${Math.round(size / 1024)} KiB, ${Math.round(toSeconds - fromSeconds)} s`);
    if (size > MAX_FILM_BYTES) throw new Error(`showcase/demo.mp4 is larger than ${MAX_FILM_BYTES} bytes`);
  } finally {
    await rm(file, { force: true });
  }
}
