import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { PeerLinkError } from '../contracts/errors.ts';
import {
  FILES_A_LOOK,
  LOOKS_PER_MINUTE,
  PASSWORD_CHECKS_PER_MINUTE,
  PASSWORDS_PER_MINUTE,
  PEOPLE_REQUESTS_PER_MINUTE,
  ROOMS_PER_MINUTE,
  SESSIONS_PER_MINUTE,
  SIGN_INS_PER_MINUTE,
  TEXTS_PER_MINUTE,
} from '../contracts/limits.ts';

/** One kind of limit: a number of points per window and key. The memory one counts on this node only. */
export interface RateLimiter {
  /** Takes one, or so many more: see pointsTaken. @returns 0, or the seconds after which there will be some again */
  consume(key: string, more?: number): Promise<number>;
  /** Takes none. @returns 0 when there is one, or the seconds after which there will be */
  look(key: string): Promise<number>;
  forgive(key: string): Promise<void>;
}
export type MakeRateLimiter = (name: string, points: number, windowSeconds: number) => RateLimiter;

/**
 * Of more than a window has after the one that was taken before, all that are left, which may be none. Else whoever asks
 * for so much would be refused for ever, however long they wait.
 */
export function pointsTaken(more: number | undefined, windowPoints: number): number {
  return more === undefined ? 1 : Math.min(more, windowPoints - 1);
}

/** What rate-limiter-flexible says when no point is asked of it. */
export function secondsUntilOne({ remainingPoints, msBeforeNext }: RateLimiterRes): number {
  return remainingPoints > 0 ? 0 : Math.max(1, Math.ceil(msBeforeNext / 1000));
}

/** What a refusal of rate-limiter-flexible says: after how many seconds there will be a point. @throws anything else */
export function secondsOf(refusal: unknown): number {
  if (!(refusal instanceof RateLimiterRes)) throw refusal;
  return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
}

/** Keys counted one by one; above it, strangers share buckets, so that inventing addresses costs no memory. */
const MAX_KEYS = 50_000;
const SHARED_BUCKETS = 1024;

export const memoryRateLimiter: MakeRateLimiter = (name, points, windowSeconds) =>
  sharedRateLimiter(name, points, windowSeconds, () => 1);

/** As the memory one, for one of so many nodes that each allow their own share: at least one point. */
export function sharedRateLimiter(
  name: string,
  points: number,
  windowSeconds: number,
  nodeCount: () => number,
): RateLimiter {
  const limiter = new RateLimiterMemory({ keyPrefix: name, points, duration: windowSeconds });
  let known = new Set<string>();
  let windowEndsMs = 0;
  const keyFor = (key: string): string => {
    const nowMs = performance.now();
    if (nowMs > windowEndsMs) {
      known = new Set();
      windowEndsMs = nowMs + windowSeconds * 1000;
    }
    if (known.size < MAX_KEYS) known.add(key);
    return known.has(key) ? key : `shared-${hashOf(key) % SHARED_BUCKETS}`;
  };
  const share = () => Math.max(1, Math.floor(points / Math.max(1, nodeCount())));
  /** The library frees a key by a timer, but says how long that is by the wall clock, which may have been set back meanwhile. */
  const atMostWindow = (seconds: number) => Math.min(seconds, Math.ceil(windowSeconds));
  return {
    async consume(key, more) {
      limiter.points = share();
      return limiter.consume(keyFor(key), pointsTaken(more, limiter.points)).then(
        () => 0,
        (refusal: unknown) => atMostWindow(secondsOf(refusal)),
      );
    },
    async look(key) {
      limiter.points = share();
      return atMostWindow(await limiter.consume(keyFor(key), 0).then(secondsUntilOne, secondsOf));
    },
    async forgive(key) {
      await limiter.delete(keyFor(key));
    },
  };
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash;
}

export type LimitName =
  | 'uploads'
  | 'downloads'
  | 'messages'
  | 'passwords'
  | 'password-checks'
  | 'sessions'
  | 'rooms'
  | 'people'
  | 'texts'
  | 'sign-ins'
  | 'looks';

export interface RateLimits {
  /** One, or so many more after it. @throws rate_limited */
  consume(name: LimitName, key: string, more?: number): Promise<void>;
  /** Takes nothing, and is refused as `consume` is. @throws rate_limited */
  assertLeft(name: LimitName, key: string): Promise<void>;
  forgive(name: LimitName, key: string): Promise<void>;
}

/** Finds what lists its files: one look is taken before, and what a long list costs before it is written out. @throws rate_limited */
export async function lookAt<T extends { readonly files: readonly unknown[] }>(
  limits: RateLimits,
  addressKey: string,
  find: () => Promise<T>,
): Promise<T> {
  await limits.consume('looks', addressKey);
  const found = await find();
  const more = Math.floor(found.files.length / FILES_A_LOOK);
  if (more > 0) await limits.consume('looks', addressKey, more);
  return found;
}

export function createRateLimits(
  settings: {
    readonly windowSeconds: number;
    readonly uploadsPerMinute: number;
    readonly downloadsPerMinute: number;
    readonly websocketMessagesPerMinute: number;
  },
  make: MakeRateLimiter = memoryRateLimiter,
): RateLimits {
  const perMinute: Readonly<Record<LimitName, number>> = {
    uploads: settings.uploadsPerMinute,
    downloads: settings.downloadsPerMinute,
    messages: settings.websocketMessagesPerMinute,
    passwords: PASSWORDS_PER_MINUTE,
    'password-checks': PASSWORD_CHECKS_PER_MINUTE,
    sessions: SESSIONS_PER_MINUTE,
    rooms: ROOMS_PER_MINUTE,
    people: PEOPLE_REQUESTS_PER_MINUTE,
    texts: TEXTS_PER_MINUTE,
    'sign-ins': SIGN_INS_PER_MINUTE,
    looks: LOOKS_PER_MINUTE,
  };
  const limiterOf = (name: LimitName): RateLimiter =>
    // The names say "per minute"; the window says over what time it is counted.
    make(name, Math.max(1, Math.round((perMinute[name] * settings.windowSeconds) / 60)), settings.windowSeconds);
  const limiters: Readonly<Record<LimitName, RateLimiter>> = {
    uploads: limiterOf('uploads'),
    downloads: limiterOf('downloads'),
    messages: limiterOf('messages'),
    passwords: limiterOf('passwords'),
    'password-checks': limiterOf('password-checks'),
    sessions: limiterOf('sessions'),
    rooms: limiterOf('rooms'),
    people: limiterOf('people'),
    texts: limiterOf('texts'),
    'sign-ins': limiterOf('sign-ins'),
    looks: limiterOf('looks'),
  };
  const refuse = (name: LimitName, retryAfterSeconds: number) => {
    if (retryAfterSeconds === 0) return;
    throw new PeerLinkError(
      'rate_limited',
      `More than ${perMinute[name]} ${name} a minute. Try again in ${retryAfterSeconds} s.`,
      {
        data: { limit: name, perMinute: perMinute[name] },
        retryAfterSeconds,
      },
    );
  };
  return {
    consume: async (name, key, more) => refuse(name, await limiters[name].consume(key, more)),
    assertLeft: async (name, key) => refuse(name, await limiters[name].look(key)),
    forgive: (name, key) => limiters[name].forgive(key),
  };
}
