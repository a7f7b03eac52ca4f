/** Half-open ranges of chunk indexes, ascending. */
export type ChunkRanges = readonly (readonly [number, number])[];

interface Timed {
  /** Which client did it. */
  readonly client: string;
  /** Which node it asked. */
  readonly node: string;
  /** Milliseconds on one clock of the test. */
  readonly beginMs: number;
  readonly endMs: number;
  /**
   * `ok`; the type of a refusal (`unavailable`, `chunk_conflict`, ...); `broken`: the connection ended before the answer
   * did; `silent`: the client gave up after 3 s in which nothing moved.
   */
  readonly outcome: string;
}

/** A run was sent. */
export interface PutOperation extends Timed {
  readonly kind: 'put';
  readonly transferId: string;
  /** Chunks [first, end) of the body. */
  readonly first: number;
  readonly end: number;
  /** Bytes that left the client. */
  readonly sentBytes: number;
  /** What the answer called committed. */
  readonly committed: ChunkRanges;
}

/** Which chunks are there. */
export interface StatusOperation extends Timed {
  readonly kind: 'status';
  readonly transferId: string;
  readonly generation: number;
  readonly committed: ChunkRanges;
}

/** A stretch of a download. */
export interface GetOperation extends Timed {
  readonly kind: 'get';
  readonly shareId: string;
  readonly from: number;
  readonly receivedBytes: number;
}

/** Anything else a client asked. */
export interface AskOperation extends Timed {
  readonly kind: 'ask';
  readonly what: string;
}

/** A whole file was sent, or received, in the client's opinion. */
export interface DoneOperation extends Timed {
  readonly kind: 'sent' | 'received';
  /** What the server says (sent), what the bytes hash to (received). */
  readonly digest: string;
  readonly wanted: string;
  readonly bytes: number;
}

export type Operation = PutOperation | StatusOperation | GetOperation | AskOperation | DoneOperation;

/** Everything that clients did, in the order in which it ended. */
export class History {
  readonly operations: Operation[] = [];

  add(operation: Operation): void {
    this.operations.push(operation);
  }

  /** What ended after `sinceMs`, one line each, times from there: for who looks for the cause of a standstill. */
  tellSince(sinceMs: number): string {
    const at = (ms: number) => String(Math.round(ms - sinceMs)).padStart(6);
    return this.operations
      .filter(({ endMs }) => endMs > sinceMs)
      .map((one) => {
        const what = one.kind === 'ask' ? one.what : one.kind;
        const chunks = one.kind === 'put' ? ` [${one.first}, ${one.end})` : '';
        return `${at(one.beginMs)} to ${at(one.endMs)} ms: ${one.client} ${what}${chunks} at ${one.node}: ${one.outcome}\n`;
      })
      .join('');
  }
}
