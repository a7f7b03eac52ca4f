import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NetIo } from '../../../native/types.ts';
import { MIB } from '../../contracts/limits.ts';
import { SpentBuffers } from '../data-plane/spent-buffers.ts';
import type { ReplicaSide } from '../replication/replica-side.ts';
import { FrameReader, type WholeFrame } from './frame-reader.ts';
import type { PeerAuth, PeerHead } from './peer-auth.ts';
import { xorInPlace } from './peer-client.ts';
import { encodeAnswer, encodeOpening, encodeWait } from './replica-wire.ts';

/** Frames that are being written at once; more wait in the socket. */
const WINDOW_BYTES = 8 * MIB;
/** Answers that the home does not read; then no more of its frames are taken. */
const MAX_UNREAD_ANSWER_BYTES = 64 * 1024;
/** The home says something every 20 s. */
const SILENCE_MS = 75_000;
/** The home waits 3 s for something. */
const WAIT_EVERY_MS = 1_000;

export interface ReplicaSessionDeps {
  readonly auth: PeerAuth;
  readonly replica: ReplicaSide;
  readonly netIo: NetIo;
  readonly onForged: (reason: 'forged') => void;
}

const BYTES = { 'content-type': 'application/octet-stream' };

/** While what is held is looked at, file by file, the home is told each second that it goes on. */
function tellOfProgress(res: ServerResponse): { listed(): void; stop(): void } {
  let isMoving = false;
  const timer = setInterval(() => {
    if (!isMoving || res.destroyed) return;
    isMoving = false;
    if (!res.headersSent) res.writeHead(200, BYTES);
    res.write(encodeWait());
  }, WAIT_EVERY_MS);
  return {
    listed: () => {
      isMoving = true;
    },
    stop: () => clearInterval(timer),
  };
}

/** A replication session: frames in, answers out, until either side ends it. @throws what refuses the session */
export async function takeFrames(
  deps: ReplicaSessionDeps,
  head: PeerHead,
  transferId: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const waits = tellOfProgress(res);
  const { session, transfer, held, signal } = await deps.replica
    .open({ transferId, fromNodeId: head.nodeId, epoch: head.epoch, onListed: waits.listed })
    .finally(waits.stop);
  if (!res.headersSent) res.writeHead(200, BYTES);
  res.cork();
  for (const part of encodeOpening(session, held)) if (part.length > 0) res.write(part);
  res.uncork();
  const reader = new FrameReader(deps.auth.frameKey(session));
  const reveal = head.isObfuscated ? xorInPlace(deps.netIo, deps.auth.obfuscationKey(head.nonce, 'request')) : null;
  const buffers = new SpentBuffers();
  await new Promise<void>((resolve) => {
    let inFlightBytes = 0;
    const end = () => {
      clearTimeout(silence);
      req.destroy();
      resolve();
    };
    const silence = setTimeout(end, SILENCE_MS);
    const flow = () => {
      if (inFlightBytes >= WINDOW_BYTES || res.writableLength > MAX_UNREAD_ANSWER_BYTES) req.pause();
      else if (!signal.aborted && !req.destroyed) req.resume();
    };
    const take = async ({ header, bytes }: WholeFrame) => {
      const { number, lengthBytes } = header;
      inFlightBytes += lengthBytes;
      const said = await deps.replica.store(transfer, { ...header, session, bytes });
      inFlightBytes -= lengthBytes;
      buffers.giveBack(bytes);
      // After the session has ended the answer has too: a write then would be a fault that nobody hears, and end the process.
      if (!res.destroyed && !res.writableEnded) res.write(encodeAnswer(number, said), flow);
      flow();
    };
    req.on('data', (bytes: Buffer) => {
      if (signal.aborted) return;
      silence.refresh();
      const frames = reader.push(bytes);
      if (frames === null) {
        deps.onForged('forged');
        end();
        return;
      }
      const chunks = frames.filter(({ header }) => header.kind === 'chunk');
      buffers.take(bytes, chunks.length + (reader.pendingBytes > 0 ? 1 : 0));
      for (const { header } of frames)
        if (header.kind === 'pulse' && !res.destroyed) res.write(encodeAnswer(header.number, { kind: 'stored' }));
      for (const frame of chunks) {
        if (reveal !== null) for (const part of frame.bytes) reveal(part);
        void take(frame);
      }
      flow();
    });
    signal.addEventListener('abort', end, { once: true });
    req.once('close', end);
    // It broke while the session was opened: no event will say so again.
    if (signal.aborted || req.destroyed) end();
  });
  await deps.replica.endSessionIf(transferId, session);
  res.end();
}
