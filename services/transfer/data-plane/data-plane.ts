import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { ChunkHead, ChunkStored } from '../../contracts/socket.ts';

/** What the edge found out about a request before it hands it over. */
export interface RequestContext {
  readonly requestId: string;
  /** The client's address behind trusted proxies; rate limits and leases count by `addressKey`. */
  readonly address: string;
  readonly addressKey: string;
  /** No trailing slash. Links begin with it. */
  readonly publicOrigin: string;
  readonly isSecure: boolean;
  /** Resolves the session cookie, when one came along; null without. */
  readonly sessionId: () => Promise<string | null>;
  readonly log: Logger;
}

/** What the data plane needs of the edge. */
export interface EdgePorts {
  /** Writes a problem+json answer for any thrown fault, or destroys the stream when the head is already sent. */
  answerFault(req: IncomingMessage, res: ServerResponse, context: RequestContext, fault: unknown): void;
  /** The page's index.html with its headers: for browsers and preview agents that open a share. */
  answerPage(req: IncomingMessage, res: ServerResponse, context: RequestContext): void;
  /** Takes one point of the named limit for this client, or `more` of them; throws `rate_limited`. */
  consumeRate(
    limit: 'uploads' | 'downloads' | 'passwords' | 'looks',
    context: RequestContext,
    more?: number,
  ): Promise<void>;
}

/** File bytes by HTTP: `/d/`, `PUT /`, file bodies under `/api/transfers/`, `/peer/`. */
export interface DataPlane {
  /** True when the request is the data plane's; it then answers it in full. False: moleculer-web's. */
  handle(req: IncomingMessage, res: ServerResponse, context: RequestContext): boolean;
  /** File bytes by Socket.IO: one chunk, already bounded to MAX_SOCKET_CHUNK_BYTES by the edge. Throws `use_http` above it. */
  storeChunk(head: ChunkHead, bytes: Uint8Array, context: RequestContext): Promise<ChunkStored>;
  /** Refuses new work with `draining`, waits for streams to end, at most until the deadline. */
  drain(deadlineMs: number): Promise<void>;
}
