import { PeerLinkError } from '../../contracts/errors.ts';
import { UPLOAD_IDLE_TIMEOUT_MS } from '../../contracts/limits.ts';
import type { RunBody } from '../data-plane/deps.ts';
import { ClientGone } from '../data-plane/receive-body.ts';
import { BodySender, type ByteSink } from './body-sender.ts';

export interface SendRunOptions {
  readonly sink: ByteSink;
  readonly isChunked: boolean;
  readonly hide: ((bytes: Uint8Array) => void) | null;
  readonly countBytes: (lengthBytes: number) => void;
  /** The client is the reason: ClientGone, or request_timeout after 30 s without a byte. */
  readonly onFault: (fault: Error) => void;
}

export interface SendingRun {
  /** Every byte of the body was given to the connection. */
  isWhole(): boolean;
  /** Rises while the home takes bytes; null while it is the client that is waited for. */
  progress(): number | null;
  /** Takes no more of the client's bytes. Repeatable. */
  stop(): void;
}

/** Passes a client's body on as it comes: what the home does not take yet, the client is not asked for. */
export function sendRunBody(run: RunBody, options: SendRunOptions): SendingRun {
  return 'bytes' in run ? sendBytes(run.bytes, options) : sendRequestBody(run, options);
}

function sendBytes(bytes: Uint8Array, options: SendRunOptions): SendingRun {
  const sender = new BodySender({ ...options, onRoom: () => {} });
  options.countBytes(bytes.length);
  sender.push(bytes);
  sender.end();
  return { isWhole: () => true, progress: () => bytes.length - sender.unsentBytes, stop: () => {} };
}

function sendRequestBody(run: Extract<RunBody, { req: unknown }>, options: SendRunOptions): SendingRun {
  const { req } = run;
  let isWhole = false;
  let hasStopped = false;
  let givenBytes = 0;
  let isPaused = false;
  const sender = new BodySender({
    ...options,
    onRoom: () => {
      isPaused = false;
      idle.refresh();
      if (!hasStopped) req.resume();
    },
  });
  const fail = (fault: Error) => {
    if (hasStopped || isWhole) return;
    stop();
    options.onFault(fault);
  };
  const idle = setTimeout(() => {
    // While the home is the slow one, the client's clock stands still.
    if (isPaused) idle.refresh();
    else fail(new PeerLinkError('request_timeout', 'No byte came for 30 s. Ask for the status and go on.'));
  }, UPLOAD_IDLE_TIMEOUT_MS);
  const onData = (bytes: Buffer) => {
    idle.refresh();
    givenBytes += bytes.length;
    run.onBytes(bytes.length);
    options.countBytes(bytes.length);
    if (sender.push(bytes)) return;
    isPaused = true;
    req.pause();
  };
  const onEnd = () => {
    if (hasStopped) return;
    isWhole = true;
    clearTimeout(idle);
    sender.end();
  };
  const onGone = () => {
    if (!req.complete) fail(new ClientGone());
  };
  const stop = () => {
    if (hasStopped) return;
    hasStopped = true;
    clearTimeout(idle);
    req.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
    if (!isWhole) req.pause();
  };
  req.on('end', onEnd).on('close', onGone).on('error', onGone).on('data', onData);
  // It broke while it waited for its turn: no event will say so again.
  if (req.destroyed && !req.complete) queueMicrotask(onGone);
  return {
    isWhole: () => isWhole,
    progress: () => (isWhole || isPaused ? givenBytes - sender.unsentBytes : null),
    stop,
  };
}
