import type { IncomingMessage } from 'node:http';
import { MAX_FRAMES_A_TURN, MAX_JSON_MEMBERS } from '../contracts/limits.ts';
import type { HeldBytes } from '../kernel/held-bytes.ts';
import { jsonShape } from './json-depth.ts';

export interface FrameRules {
  /** Binary parts that one event may bring. */
  readonly maxAttachments: number;
  /** Of one text frame. */
  readonly maxTextChars: number;
}

/** What this needs of Engine.IO's server and its connections, which Socket.IO's types keep to themselves. */
interface Engine {
  on(event: 'connection', listener: (connection: Connection) => void): unknown;
}
interface Connection {
  readonly request: IncomingMessage;
  readonly transport: { readonly socket: WebSocket };
  on(event: 'packet', listener: (packet: { readonly type: string; readonly data?: unknown }) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  close(): unknown;
}

/** Of ws. */
interface WebSocket {
  readonly _receiver: Receiver;
  /** Whether it answers each ping by itself. */
  _autoPong: boolean;
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): unknown;
  pong(data: Buffer, isMasked: boolean, done: () => void): void;
  pause(): void;
  resume(): void;
}

/** Of ws: what it keeps of a message until its last byte is there. Without deflate it has read whatever it was given. */
interface Receiver {
  readonly _bufferedBytes: number;
  readonly _numFragments: number;
  readonly _buffers: readonly unknown[];
  readonly _messageLength: number;
  readonly _fragments: readonly unknown[];
}
/** What an object costs beside its bytes: one byte a part would be kept for a hundred. */
const PART_COST_BYTES = 256;

/**
 * What Socket.IO's own limits leave open, held before it sees a frame: one event may be all the attachments it declares,
 * and each of many CONNECTs a socket that somebody must let in. Whoever sends what no client of ours does is cut.
 */
export class FrameGuard {
  readonly #rules: FrameRules;
  #hasAskedIn = false;
  #attachmentsLeft = 0;

  constructor(rules: FrameRules) {
    this.#rules = rules;
  }

  /** Whether this frame of Socket.IO's may be looked at (its protocol, revision 5: a digit says the type). */
  admits(frame: unknown): boolean {
    if (typeof frame !== 'string') {
      this.#attachmentsLeft -= 1;
      return this.#attachmentsLeft >= 0;
    }
    if (frame.length > this.#rules.maxTextChars || this.#attachmentsLeft > 0) return false;
    if (hasTooManyMembers(frame)) return false;
    // "One CONNECT a connection": a client with another wish opens another.
    if (frame.startsWith('0')) {
      if (this.#hasAskedIn) return false;
      this.#hasAskedIn = true;
      return true;
    }
    if (!/^[56]/.test(frame)) return true;
    const declared = /^[56](\d{1,3})-/.exec(frame)?.[1];
    this.#attachmentsLeft = Number(declared ?? Number.NaN);
    return this.#attachmentsLeft >= 1 && this.#attachmentsLeft <= this.#rules.maxAttachments;
  }
}

/** Guards every connection of an engine from its first frame on. @param held counts what is no whole message yet */
export function guardConnections(engine: Engine, rules: FrameRules, held: HeldBytes): void {
  engine.on('connection', (connection) => {
    const guard = new FrameGuard(rules);
    const tcp = connection.request.socket;
    const cut = () => {
      // Closed first: of frames that came together the next ones are then not looked at.
      connection.close();
      tcp.destroy();
    };
    const webSocket = connection.transport.socket;
    const countFrame = takingTurns(webSocket);
    answerPings(webSocket, countFrame);
    // Answers to nothing cost as much to read.
    webSocket.on('pong', () => countFrame());
    const holding = held.begin(cut);
    let countedBytes = 0;
    // After whoever puts messages together has seen the same bytes: what is whole asks for no room.
    const onBytes = () => {
      // Parts of a message that does not end, which may be empty.
      countFrame(webSocket._receiver._numFragments);
      const bytes = unfinishedBytes(webSocket._receiver);
      const moreBytes = bytes - countedBytes;
      if (moreBytes < 0) holding.give(-moreBytes);
      else if (moreBytes > 0 && !holding.add(moreBytes)) cut();
      countedBytes = bytes;
    };
    tcp.on('data', onBytes);
    connection.on('packet', ({ type, data }) => {
      countFrame();
      if (type === 'message' && !guard.admits(data)) cut();
    });
    connection.once('close', () => {
      tcp.off('data', onBytes);
      holding.end();
    });
  });
}

/** To be told of each frame. What came in one read cannot be stopped in the middle; libuv would do 32 of them before anything else. */
function takingTurns(socket: WebSocket): (frames?: number) => void {
  let count = 0;
  let isPaused = false;
  return (frames = 1) => {
    count += frames;
    if (count < MAX_FRAMES_A_TURN || isPaused) return;
    isPaused = true;
    socket.pause();
    setImmediate(() => {
      count = 0;
      isPaused = false;
      socket.resume();
    });
  };
}

/**
 * "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping frame(s), the endpoint may
 * elect to send a Pong frame for only the most recently processed Ping frame" (RFC 6455, section 5.5.3): whoever sends pings and reads
 * nothing has one answer waiting, and not all of them.
 */
function answerPings(socket: WebSocket, countFrame: () => void): void {
  let isAnswering = false;
  let latest: Buffer | null = null;
  const answer = (data: Buffer) => {
    isAnswering = true;
    socket.pong(data, false, () => {
      isAnswering = false;
      const next = latest;
      latest = null;
      if (next !== null) answer(next);
    });
  };
  socket._autoPong = false;
  socket.on('ping', (data) => {
    countFrame();
    if (isAnswering) latest = data;
    else answer(data);
  });
}

function unfinishedBytes({ _bufferedBytes, _messageLength, _buffers, _fragments }: Receiver): number {
  return _bufferedBytes + _messageLength + PART_COST_BYTES * (_buffers.length + _fragments.length);
}

/** As of a body, before anybody parses it. A member takes two characters at least. */
function hasTooManyMembers(frame: string): boolean {
  const isLong = frame.length > 2 * MAX_JSON_MEMBERS;
  return isLong && jsonShape(frame, { maxMembers: MAX_JSON_MEMBERS }).memberCount > MAX_JSON_MEMBERS;
}
