import { type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import { atEnd } from '../../support/cleanup.ts';
import { within } from '../../support/waiting.ts';

/** A body of a PUT as it came by. */
export interface SeenPut {
  readonly fileIndex: number;
  readonly offsetBytes: number;
  /** As announced. */
  readonly sizeBytes: number;
  /** Let through so far. */
  passedBytes: number;
}

/** What the client was told, in the order in which it was: which chunks are stored, and what it sent then. */
export type SeenStep =
  | { readonly step: 'sent'; readonly put: SeenPut }
  | { readonly step: 'stored'; readonly put: SeenPut }
  /** The first file's. */
  | { readonly step: 'status'; readonly committed: readonly (readonly [number, number])[] };

/**
 * The line between a browser and a server: a proxy that counts what is uploaded and lets through as much as a test
 * allows, so that "in the middle of an upload" is a place and not a matter of luck. Everything else passes.
 */
export interface Line {
  readonly port: number;
  readonly url: string;
  readonly puts: readonly SeenPut[];
  /** Paths of all other requests. */
  readonly asked: readonly string[];
  /** Bytes of PUT bodies that went through. */
  passedBytes(): number;
  /** Lets that many more bytes of PUT bodies through; Infinity opens the line, 0 and less does nothing. */
  allow(bytes: number): void;
  /**
   * Lets through what lies before this place of its file, whichever run comes first and however often: a reader gets
   * the beginning. Of `allow`, a run that came late may get too little for its first chunk.
   */
  allowBefore(placeBytes: number): void;
  /** Holds every byte of a PUT from now on. */
  hold(): void;
  /** Leads new requests to another server, as a proxy before several does. */
  leadTo(serverPort: number): void;
}

/** Nobody holds a line for longer than this; past it the request is cut and the test fails on what it waits for. */
const HOLD_DEADLINE_MS = 120_000;

interface Turn {
  readonly bytes: number;
  /** Where in its file they end. */
  readonly endBytes: number;
  readonly pass: () => void;
}

class Gate {
  #allowedBytes = 0;
  #openBeforeBytes = 0;
  #waiting: Turn[] = [];

  allow(bytes: number): void {
    this.#allowedBytes += bytes;
    this.#open();
  }

  allowBefore(placeBytes: number): void {
    this.#openBeforeBytes = placeBytes;
    const free = this.#waiting.filter(({ endBytes }) => endBytes <= placeBytes);
    this.#waiting = this.#waiting.filter(({ endBytes }) => endBytes > placeBytes);
    for (const { pass } of free) pass();
  }

  hold(): void {
    this.#allowedBytes = 0;
    this.#openBeforeBytes = 0;
  }

  /** Resolves when so many bytes, which end at `endBytes` of their file, may pass; rejects when `signal` ends the wait. */
  async take(bytes: number, endBytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (endBytes <= this.#openBeforeBytes) return;
    if (this.#waiting.length === 0 && this.#allowedBytes >= bytes) {
      this.#allowedBytes -= bytes;
      return;
    }
    const turn = new Promise<void>((pass, fail) => {
      const entry = { bytes, endBytes, pass };
      this.#waiting.push(entry);
      signal.addEventListener('abort', () => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        fail(signal.reason);
      });
    });
    await within('the line is opened', HOLD_DEADLINE_MS, turn);
  }

  #open(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (first.bytes > this.#allowedBytes) return;
      this.#allowedBytes -= first.bytes;
      this.#waiting.shift();
      first.pass();
    }
  }
}

/**
 * Opens a held line to the server at `serverPort`, which may come and go.
 * @param steps filled with what the client does and is told; several lines may share it
 */
export async function openLine(serverPort: number, steps: SeenStep[] = []): Promise<Line> {
  let target = serverPort;
  const asked: string[] = [];
  const gate = new Gate();
  const puts: SeenPut[] = [];
  const sockets = new Set<Duplex>();
  const keep = (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy()); // Whoever hangs up has its reasons; the tests look at what follows.
  };

  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '/', 'http://line');
    const file = /^\/api\/transfers\/[^/]+\/files\/(\d+)$/.exec(url.pathname);
    const onward = request({
      host: '127.0.0.1',
      port: target,
      method: req.method,
      path: req.url,
      headers: req.headers,
      agent: false,
    });
    joinAnswer(onward, req, res);
    if (req.method !== 'PUT' || file === null) {
      asked.push(url.pathname);
      if (url.pathname.endsWith('/status')) onward.on('response', (answer) => noteStatus(answer, steps));
      req.pipe(onward);
      return;
    }
    const put = {
      fileIndex: Number(file[1]),
      offsetBytes: Number(url.searchParams.get('offset')),
      sizeBytes: Number(req.headers['content-length']),
      passedBytes: 0,
    };
    puts.push(put);
    steps.push({ step: 'sent', put });
    onward.on('response', (answer) => {
      if (answer.statusCode === 200) steps.push({ step: 'stored', put });
    });
    passBody(req, onward, gate, put).catch(() => {
      onward.destroy();
      res.destroy();
    });
  });
  server.on('connection', keep);
  server.on('upgrade', (req, socket, head) => upgrade(target, req, socket, head, keep));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  atEnd(async () => {
    const closed = new Promise((done) => server.close(done));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    puts,
    asked,
    passedBytes: () => puts.reduce((sum, put) => sum + put.passedBytes, 0),
    allow: (bytes) => gate.allow(bytes),
    allowBefore: (placeBytes) => gate.allowBefore(placeBytes),
    hold: () => gate.hold(),
    leadTo: (port) => {
      target = port;
    },
  };
}

/** Before the last piece goes on to the client, so that what follows from it comes later in the list. */
function noteStatus(answer: IncomingMessage, steps: SeenStep[]): void {
  let text = '';
  answer.on('data', (piece: Buffer) => {
    text += piece.toString();
    try {
      const { files } = JSON.parse(text) as TransferStatusResponse;
      steps.push({ step: 'status', committed: files[0]?.committed ?? [] });
    } catch {
      // More is to come.
    }
  });
}

function joinAnswer(onward: ClientRequest, req: IncomingMessage, res: ServerResponse): void {
  onward.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(res);
    answer.on('error', () => res.destroy());
  });
  // A server that is not there looks through the line as it does without one: the connection breaks.
  onward.on('error', () => res.destroy());
  res.once('close', () => onward.destroy());
  req.on('error', () => onward.destroy());
}

/**
 * The body is read as it comes, a run of at most 8 MiB, and only then held: a browser that hangs up is noticed at once,
 * and nothing that it took back goes through later out of some buffer.
 */
async function passBody(req: IncomingMessage, onward: ClientRequest, gate: Gate, put: SeenPut): Promise<void> {
  const hungUp = new AbortController();
  onward.once('close', () => hungUp.abort(new Error('one side has hung up')));
  const pieces: Buffer[] = [];
  let wake = () => {};
  req.on('data', (piece: Buffer) => {
    pieces.push(piece);
    wake();
  });
  req.once('end', () => wake());
  for (;;) {
    const piece = pieces.shift();
    if (piece === undefined) {
      if (req.complete) break;
      await new Promise<void>((come, fail) => {
        wake = come;
        hungUp.signal.addEventListener('abort', () => fail(hungUp.signal.reason));
      });
      continue;
    }
    await gate.take(piece.length, put.offsetBytes + put.passedBytes + piece.length, hungUp.signal);
    put.passedBytes += piece.length;
    onward.write(piece);
  }
  onward.end();
}

function upgrade(
  serverPort: number,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  keep: (socket: Duplex) => void,
): void {
  const onward: Socket = connect(serverPort, '127.0.0.1');
  keep(onward);
  const lines = req.rawHeaders.flatMap((text, index) =>
    index % 2 === 0 ? [`${text}: ${req.rawHeaders[index + 1]}`] : [],
  );
  onward.write(`${req.method} ${req.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  onward.write(head);
  onward.pipe(socket).pipe(onward);
  onward.once('close', () => socket.destroy());
  socket.once('close', () => onward.destroy());
}
