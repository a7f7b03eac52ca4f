import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { SetupError } from '../setup/process.mjs';

const KEPT_OUTPUT_CHARACTERS = 4_000;
const LOOK_EVERY_MS = 50;
const STORE_START_DEADLINE_MS = 60_000;

/**
 * Starts a program in a process group of its own, so that a terminal's Ctrl-C reaches only us and we end what we
 * started in order: nodes first, what they need last.
 * @param {string} title for messages
 * @param {{ command: string, args: readonly string[], options?: import('node:child_process').SpawnOptions }} program
 * @param {(piece: string) => void} [onOutput] what it prints; without, it is kept for the message of a failure
 */
export function startChild(title, { command, args, options = {} }, onOutput) {
  const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      output = `${output}${piece}`.slice(-KEPT_OUTPUT_CHARACTERS);
      onOutput?.(piece);
    });
  }
  let exit;
  const ended = new Promise((done) => {
    child.on('error', (fault) => {
      output += `${fault.message}\n`;
      exit ??= { code: 127, signal: null };
      done(exit);
    });
    child.on('close', (code, signal) => {
      exit ??= { code, signal };
      done(exit);
    });
  });
  return {
    title,
    ended,
    isRunning: () => exit === undefined,
    output: () => output,
    signal: (name) => exit === undefined && child.kill(name),
  };
}

/** Waits until a store answers. @throws SetupError with what it said when it ends first or never answers */
export async function untilAnswers(store, answers) {
  const deadline = performance.now() + STORE_START_DEADLINE_MS;
  while (performance.now() < deadline && store.isRunning()) {
    if (await answers()) return;
    await delay(LOOK_EVERY_MS);
  }
  const what = store.isRunning() ? 'does not answer' : 'ended at its start';
  throw new SetupError(`${store.title} ${what}:\n${store.output().trimEnd()}`);
}

/** Signals it, and kills it when it has not ended by the deadline. */
export async function stopChild(child, signal, deadlineMs) {
  child.signal(signal);
  const timer = setTimeout(() => child.signal('SIGKILL'), deadlineMs);
  await child.ended;
  clearTimeout(timer);
}
