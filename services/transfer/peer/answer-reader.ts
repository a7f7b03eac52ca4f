/**
 * Answers of another node to requests of ours: HTTP/1.1 (RFC 9112), as far as nodes and the proxies between them use
 * it. Free of sockets; fed in pieces of any sizes. It exists because node:http reads 64 KiB at a time and copies
 * nothing into buffers of ours.
 */

/** A head is a few hundred bytes; a proxy may add some. */
export const MAX_ANSWER_HEAD_BYTES = 16 * 1024;
/** A chunk's length in hex with what RFC 9112 lets follow it, which nobody sends. */
const MAX_CHUNK_LINE_CHARS = 256;
const MAX_TRAILER_CHARS = 4096;
/** More of them before the answer are no progress. */
const MAX_INTERIM_ANSWERS = 8;
const HEAD_END = Buffer.from('\r\n\r\n');
const NEW_LINE = 0x0a;

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The connection may be used again once the body has ended. */
  readonly isKeptAlive: boolean;
  /** Null: chunked. */
  readonly lengthBytes: number | null;
}

export interface AnswerSink {
  onHead(head: AnswerHead): void;
  /** A view of what was fed. */
  onBody(bytes: Buffer): void;
  onEnd(): void;
}

type State = 'head' | 'length' | 'size' | 'chunk' | 'after_chunk' | 'trailer' | 'end';

/** Bytes that are no answer to one request. */
export class NotAnAnswer extends Error {
  override name = 'NotAnAnswer';
}

export class AnswerReader {
  readonly #sink: AnswerSink;
  #state: State = 'head';
  #head = Buffer.alloc(0);
  #line = '';
  #restBytes = 0;
  #trailerChars = 0;
  #interimCount = 0;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  get isWhole(): boolean {
    return this.#state === 'end';
  }

  /** @throws NotAnAnswer; nothing more may be fed then */
  push(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) rest = this.#step(rest);
  }

  /** Takes some of the bytes and answers what is left. */
  #step(bytes: Buffer): Buffer {
    switch (this.#state) {
      case 'head':
        return this.#takeHead(bytes);
      case 'length':
      case 'chunk':
        return this.#takeBody(bytes);
      case 'size':
        return this.#takeLine(bytes, MAX_CHUNK_LINE_CHARS, (line) => this.#beginChunk(line));
      case 'after_chunk':
        return this.#takeLine(bytes, 1, (line) => {
          if (line !== '') throw new NotAnAnswer('a chunk is longer than it said');
          this.#state = 'size';
        });
      case 'trailer':
        return this.#takeLine(bytes, MAX_TRAILER_CHARS, (line) => this.#takeTrailer(line));
      case 'end':
        throw new NotAnAnswer('bytes after the answer');
    }
  }

  #takeHead(bytes: Buffer): Buffer {
    const before = this.#head.length;
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, MAX_ANSWER_HEAD_BYTES - before)]);
    const end = this.#head.indexOf(HEAD_END, Math.max(0, before - HEAD_END.length + 1));
    if (end === -1) {
      if (this.#head.length >= MAX_ANSWER_HEAD_BYTES) throw new NotAnAnswer('the head is too long');
      return bytes.subarray(bytes.length);
    }
    const text = this.#head.toString('latin1', 0, end);
    this.#head = Buffer.alloc(0);
    this.#readHead(text);
    return bytes.subarray(end + HEAD_END.length - before);
  }

  #readHead(text: string): void {
    const [statusLine = '', ...lines] = text.split('\r\n');
    const found = /^HTTP\/1\.([01]) (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(statusLine);
    if (found === null) throw new NotAnAnswer('no status line');
    const status = Number(found[2]);
    const headers = readHeaders(lines);
    if (status < 200) {
      this.#interimCount += 1;
      if (status === 101 || status < 100 || this.#interimCount > MAX_INTERIM_ANSWERS)
        throw new NotAnAnswer('an answer before the answer that nobody asked for');
      return;
    }
    const hasBody = status !== 204 && status !== 304;
    const lengthBytes = hasBody ? bodyLengthOf(headers) : 0;
    const isKeptAlive = found[1] === '1' && !/(^|,)[ \t]*close[ \t]*(,|$)/i.test(headers.get('connection') ?? '');
    this.#restBytes = lengthBytes ?? 0;
    this.#state = lengthBytes === null ? 'size' : 'length';
    this.#sink.onHead({ status, headers, isKeptAlive, lengthBytes });
    if (lengthBytes === 0) this.#end();
  }

  #takeBody(bytes: Buffer): Buffer {
    const part = bytes.length <= this.#restBytes ? bytes : bytes.subarray(0, this.#restBytes);
    this.#restBytes -= part.length;
    this.#sink.onBody(part);
    if (this.#restBytes === 0) {
      if (this.#state === 'length') this.#end();
      else this.#state = 'after_chunk';
    }
    return bytes.subarray(part.length);
  }

  /** Gathers one line; only its ends may be CR and LF. */
  #takeLine(bytes: Buffer, maxChars: number, take: (line: string) => void): Buffer {
    const found = bytes.subarray(0, maxChars + 2).indexOf(NEW_LINE);
    const end = found === -1 ? bytes.length : found + 1;
    this.#line += bytes.toString('latin1', 0, Math.min(end, maxChars + 3));
    if (this.#line.length > maxChars + 2) throw new NotAnAnswer('a line is too long');
    if (found !== -1) {
      const line = this.#line;
      this.#line = '';
      if (!line.endsWith('\r\n')) throw new NotAnAnswer('a line ends without CR');
      take(line.slice(0, -2));
    }
    return bytes.subarray(end);
  }

  #beginChunk(line: string): void {
    const found = /^([0-9a-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(line);
    if (found?.[1] === undefined) throw new NotAnAnswer('no length of a chunk');
    this.#restBytes = Number.parseInt(found[1], 16);
    this.#state = this.#restBytes === 0 ? 'trailer' : 'chunk';
  }

  #takeTrailer(line: string): void {
    this.#trailerChars += line.length;
    if (this.#trailerChars > MAX_TRAILER_CHARS) throw new NotAnAnswer('the trailer is too long');
    if (line === '') this.#end();
  }

  #end(): void {
    this.#state = 'end';
    this.#sink.onEnd();
  }
}

function readHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const found = /^([!#$%&'*+.^_`|~0-9a-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/i.exec(line);
    if (found === null) throw new NotAnAnswer('no header');
    const [, name = '', value = ''] = found;
    const known = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  return headers;
}

/** Null: chunked. A body that ends with the connection could not be told from one that broke, so there is none. */
function bodyLengthOf(headers: ReadonlyMap<string, string>): number | null {
  const length = headers.get('content-length');
  const encoding = headers.get('transfer-encoding');
  if (encoding !== undefined) {
    if (encoding.toLowerCase() !== 'chunked' || length !== undefined) throw new NotAnAnswer('an unknown encoding');
    return null;
  }
  if (length === undefined || !/^\d{1,16}$/.test(length) || !Number.isSafeInteger(Number(length)))
    throw new NotAnAnswer('no length');
  return Number(length);
}
