import { createHmac } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { isEqualBytes, randomId, sha256 } from '../kernel/ids.ts';
import type { OperatorTokenStore } from './ports.ts';

/** 32 symbols are 187 bits, and still fit on a line to be copied. */
const TOKEN_CHARS = 32;
/** "Old tokens are worthless within 2 s on all nodes": what proves the operator is read again after so long. */
const HASH_KEPT_MS = 1_000;
/** While the database is away the last hash counts on: that is when an operator looks. */
const HASH_TRUSTED_MS = 10 * 60_000;
/** A working day and an evening. */
export const SIGNED_IN_SECONDS = 12 * 3600;

const SEAL = /^o1\.([0-9a-z]{1,10})\.([\w-]{43})$/;

interface KnownHash {
  readonly hash: Uint8Array | null;
  readonly atMs: number;
}

/**
 * Who proves to be the operator: by the token, of which only the hash is kept, or by a seal for a cookie, which is made
 * from that hash, so that a new token makes all seals worthless.
 */
export class OperatorTokens {
  readonly #store: OperatorTokenStore;
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  #known: KnownHash | null = null;
  #asking: Promise<KnownHash> | null = null;
  #askAgainAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: OperatorTokenStore, secret: Uint8Array, clock: Clock) {
    this.#store = store;
    this.#secret = secret;
    this.#clock = clock;
  }

  /**
   * At the start of a node: the given token counts from now on; without one the first node makes one.
   * @returns the token that was made here, to be shown once; else null
   */
  async establish(given: string | null): Promise<string | null> {
    if (given !== null) {
      const found = await this.#store.readHash();
      const hash = sha256(given);
      if (found === null || !isEqualBytes(found, hash)) await this.#store.writeHash(hash);
      return null;
    }
    const made = randomId(TOKEN_CHARS);
    return (await this.#store.writeFirstHash(sha256(made))) ? made : null;
  }

  /** A new token; the old one and all it sealed are worthless. */
  async renew(): Promise<string> {
    const token = randomId(TOKEN_CHARS);
    await this.#store.writeHash(sha256(token));
    this.forget();
    return token;
  }

  /** The hash was changed elsewhere. */
  forget(): void {
    this.#known = null;
    this.#askAgainAtMs = Number.NEGATIVE_INFINITY;
  }

  /** In a time that does not depend on the token. @throws unavailable */
  async isToken(token: string): Promise<boolean> {
    const hash = await this.#hash();
    return hash !== null && isEqualBytes(sha256(token), hash);
  }

  /** For a cookie: good for SIGNED_IN_SECONDS. null: there is no token any more. @throws unavailable */
  async seal(): Promise<string | null> {
    const hash = await this.#hash();
    if (hash === null) return null;
    const until = (Math.floor(this.#clock.now() / 1000) + SIGNED_IN_SECONDS).toString(36);
    return `o1.${until}.${this.#macOf(hash, until)}`;
  }

  /** @throws unavailable */
  async isSealed(seal: string): Promise<boolean> {
    const [, until, mac] = SEAL.exec(seal) ?? [];
    if (until === undefined || mac === undefined) return false;
    if (Number.parseInt(until, 36) * 1000 <= this.#clock.now()) return false;
    const hash = await this.#hash();
    return hash !== null && isEqualBytes(Buffer.from(mac), Buffer.from(this.#macOf(hash, until)));
  }

  #macOf(hash: Uint8Array, until: string): string {
    return createHmac('sha256', this.#secret)
      .update('operator\0')
      .update(hash)
      .update(`\0${until}`)
      .digest('base64url');
  }

  /** @throws unavailable */
  async #hash(): Promise<Uint8Array | null> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known;
    if (known !== null && nowMs - known.atMs < HASH_KEPT_MS) return known.hash;
    const isTrusted = known !== null && nowMs - known.atMs < HASH_TRUSTED_MS;
    // A database that is away costs each try nearly two seconds: not every question waits for that.
    if (isTrusted && nowMs < this.#askAgainAtMs) return known.hash;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    try {
      return (await this.#asking).hash;
    } catch (fault) {
      this.#askAgainAtMs = this.#clock.monotonicMs() + HASH_KEPT_MS;
      // It may have been forgotten meanwhile: then another node said that it counts no more.
      if (isTrusted && this.#known === known) return known.hash;
      throw fault;
    }
  }

  async #ask(): Promise<KnownHash> {
    const atMs = this.#clock.monotonicMs();
    const known = { hash: await this.#store.readHash(), atMs };
    this.#known = known;
    return known;
  }
}
