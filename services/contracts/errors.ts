/**
 * Every fault that may leave the process, with its HTTP status and whether the same request can succeed
 * later without a change. Across processes only `type` is compared, never the text.
 */
export const ERROR_TYPES = {
  // The request itself.
  bad_request: { status: 400, isRetryable: false },
  bad_size: { status: 400, isRetryable: false },
  bad_offset: { status: 400, isRetryable: false },
  bad_name: { status: 400, isRetryable: false },
  bad_json: { status: 400, isRetryable: false },
  /** A body that is not a run of whole chunks, or shorter or longer than it said. */
  bad_run: { status: 400, isRetryable: false },
  bad_token: { status: 401, isRetryable: false },
  password_required: { status: 401, isRetryable: false },
  bad_password: { status: 401, isRetryable: false },
  forbidden: { status: 403, isRetryable: false },
  bad_origin: { status: 403, isRetryable: false },
  not_found: { status: 404, isRetryable: false },
  method_not_allowed: { status: 405, isRetryable: false },
  request_timeout: { status: 408, isRetryable: true },
  /** The same chunk was sent before with other bytes; the first ones stay. */
  chunk_conflict: { status: 409, isRetryable: false },
  /** A newer request is writing this chunk. */
  superseded: { status: 409, isRetryable: true },
  /** A direct send whose recipient has not accepted yet. */
  not_accepted: { status: 409, isRetryable: true },
  /** An Idempotency-Key that came before with another body. */
  key_reused: { status: 409, isRetryable: false },
  stale_epoch: { status: 409, isRetryable: true },
  /** Asked to give up on a node that was seen a moment ago, or answers. */
  node_alive: { status: 409, isRetryable: true },
  moved: { status: 409, isRetryable: true },
  expired: { status: 410, isRetryable: false },
  /** All allowed downloads are used up. */
  used_up: { status: 410, isRetryable: false },
  ended: { status: 410, isRetryable: false },
  precondition_failed: { status: 412, isRetryable: false },
  too_large: { status: 413, isRetryable: false },
  uri_too_long: { status: 414, isRetryable: false },
  unsupported_media_type: { status: 415, isRetryable: false },
  range_not_satisfiable: { status: 416, isRetryable: false },
  expectation_failed: { status: 417, isRetryable: false },
  /** The bytes do not have the digest that was sent along; the chunk was discarded. */
  digest_mismatch: { status: 422, isRetryable: true },
  rate_limited: { status: 429, isRetryable: true },
  too_many_transfers: { status: 429, isRetryable: true },
  /** All download slots of a limited share are held right now. */
  slots_held: { status: 429, isRetryable: true },
  headers_too_large: { status: 431, isRetryable: false },
  internal: { status: 500, isRetryable: true },
  unavailable: { status: 503, isRetryable: true },
  busy: { status: 503, isRetryable: true },
  draining: { status: 503, isRetryable: true },
  disk_full: { status: 507, isRetryable: true },
  /** Stored bytes no longer have their chaining value and no other copy could mend them. */
  damaged: { status: 500, isRetryable: false },
  /** Socket.IO only: this chunk is too large for an event, PUT it. */
  use_http: { status: 413, isRetryable: false },
} as const satisfies Record<string, { status: number; isRetryable: boolean }>;

export type ErrorType = keyof typeof ERROR_TYPES;

/** RFC 9457 body of every error answer. `type` is `urn:peerlink:error:<ErrorType>`. */
export interface ProblemDetails {
  readonly type: `urn:peerlink:error:${ErrorType}`;
  readonly title: string;
  readonly status: number;
  /** What was found, what was wanted and what to do, in a sentence; absent for 5xx faults of our own. */
  readonly detail?: string;
  readonly requestId?: string;
  /** Values a program can use, such as `{ limitBytes, sizeBytes }` or `{ committed: [[0, 8]] }`. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

const TYPE_PREFIX = 'urn:peerlink:error:';

export function isErrorType(name: string): name is ErrorType {
  return Object.hasOwn(ERROR_TYPES, name);
}

/** The `ErrorType` in a problem's `type` member, or undefined when it is not one of ours. */
export function errorTypeOf(problem: { type?: unknown }): ErrorType | undefined {
  if (typeof problem.type !== 'string' || !problem.type.startsWith(TYPE_PREFIX)) return undefined;
  const name = problem.type.slice(TYPE_PREFIX.length);
  return isErrorType(name) ? name : undefined;
}

/** A fault with a place in the closed list. `message` may be shown to people: no tokens, no file names, no paths. */
export class PeerLinkError extends Error {
  readonly type: ErrorType;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    type: ErrorType,
    message: string,
    options: { data?: Record<string, unknown>; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PeerLinkError';
    this.type = type;
    this.data = options.data;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERROR_TYPES[this.type].status;
  }

  /** What Moleculer reads: a 4xx is the caller's fault, neither logged as ours nor counted by a circuit breaker. */
  get code(): number {
    return this.status;
  }
}

/** A fault's closed type, also when it crossed Moleculer and lost its class. */
export function typeOfFault(fault: unknown): ErrorType {
  if (typeof fault === 'object' && fault !== null && 'type' in fault && typeof fault.type === 'string') {
    if (isErrorType(fault.type)) return fault.type;
  }
  return 'internal';
}
