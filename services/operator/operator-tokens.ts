import { createHmac } from 'node:crypto';
import { MAX_OPERATOR_SIGN_OUTS } from '../contracts/limits.ts';
import type { Clock } from '../kernel/clock.ts';
import { isEqualBytes, randomId, sha256 } from '../kernel/ids.ts';
import type { OperatorProofs, OperatorTokenStore } from './ports.ts';

/** 32 symbols are 187 bits, and still fit on a line to be copied. */
const TOKEN_CHARS = 32;
/** "Old tokens are worthless within 2 s on all nodes": what proves the operator is read again after so long. */
const KEPT_MS = 1_000;
/** While the database is away what was read last counts on: that is when an operator looks. */
const TRUSTED_MS = 10 * 60_000;
/** A working day and an evening. */
export const SIGNED_IN_SECONDS = 12 * 3600;

/** Its sign-in, which is its expiry in seconds since 1970 and an id, and the MAC. */
const SEAL = /^o2\.((\d{10})\.[\w-]{16})\.([\w-]{43})$/;
const SIGN_IN_ID_CHARS = 16;

interface Known extends OperatorProofs {
  readonly atMs: number;
}

/**
 * Who proves to be the operator: by the token, of which only the hash is kept, or by a seal for a cookie, which is made
 * from that hash, so that a new token makes all seals worthless. A seal names its own sign-in, which can be ended.
 */
export class OperatorTokens {
  readonly #store: OperatorTokenStore;
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  #known: Known | null = null;
  #asking: Promise<Known> | null = null;
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
      const found = await this.#store.read();
      const hash = sha256(given);
      if (found.hash === null || !isEqualBytes(found.hash, hash)) await this.#store.writeHash(hash);
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

  /** The row was changed. */
  forget(): void {
    this.#known = null;
    // What is being read may have been read before the change.
    this.#asking = null;
    this.#askAgainAtMs = Number.NEGATIVE_INFINITY;
  }

  /** In a time that does not depend on the token. @throws unavailable */
  async isToken(token: string): Promise<boolean> {
    const { hash } = await this.#proofs();
    return hash !== null && isEqualBytes(sha256(token), hash);
  }

  /** For a cookie: good for SIGNED_IN_SECONDS. null: there is no token any more. @throws unavailable */
  async seal(): Promise<string | null> {
    const { hash } = await this.#proofs();
    if (hash === null) return null;
    const until = Math.floor(this.#clock.now() / 1000) + SIGNED_IN_SECONDS;
    const signIn = `${String(until).padStart(10, '0')}.${randomId(SIGN_IN_ID_CHARS)}`;
    return `o2.${signIn}.${this.#macOf(hash, signIn)}`;
  }

  /** @throws unavailable */
  async isSealed(seal: string): Promise<boolean> {
    return (await this.#signInOf(seal)) !== null;
  }

  /** Ends this sign-in at every node. @returns false: it counted for nothing. @throws unavailable: it is not ended */
  async signOut(seal: string): Promise<boolean> {
    const signIn = await this.#signInOf(seal);
    if (signIn === null) return false;
    await this.#store.addSignedOut(signIn, MAX_OPERATOR_SIGN_OUTS);
    this.forget();
    return true;
  }

  /** Null: it counts for nothing. @throws unavailable */
  async #signInOf(seal: string): Promise<string | null> {
    const [, signIn, until, mac] = SEAL.exec(seal) ?? [];
    if (signIn === undefined || mac === undefined) return null;
    if (Number(until) * 1000 <= this.#clock.now()) return null;
    const { hash, signedOut } = await this.#proofs();
    if (hash === null || !isEqualBytes(Buffer.from(mac), Buffer.from(this.#macOf(hash, signIn)))) return null;
    return isEnded(signIn, signedOut) ? null : signIn;
  }

  #macOf(hash: Uint8Array, signIn: string): string {
    return createHmac('sha256', this.#secret)
      .update('operator\0')
      .update(hash)
      .update(`\0${signIn}`)
      .digest('base64url');
  }

  /** @throws unavailable */
  async #proofs(): Promise<OperatorProofs> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known;
    if (known !== null && nowMs - known.atMs < KEPT_MS) return known;
    const isTrusted = known !== null && nowMs - known.atMs < TRUSTED_MS;
    // A database that is away costs each try nearly two seconds: not every question waits for that.
    if (isTrusted && nowMs < this.#askAgainAtMs) return known;
    const asking = this.#asking ?? this.#ask();
    this.#asking = asking;
    try {
      const found = await asking;
      // Else it was forgotten meanwhile: whoever asked before that may be told so, nobody later.
      if (this.#asking === asking) this.#known = found;
      return found;
    } catch (fault) {
      this.#askAgainAtMs = this.#clock.monotonicMs() + KEPT_MS;
      // It may have been forgotten meanwhile: then another node said that it counts no more.
      if (isTrusted && this.#known === known) return known;
      throw fault;
    } finally {
      if (this.#asking === asking) this.#asking = null;
    }
  }

  async #ask(): Promise<Known> {
    const atMs = this.#clock.monotonicMs();
    return { ...(await this.#store.read()), atMs };
  }
}

/** Of more sign-outs than are kept the greatest are; so in a full list all that are as old as its last have ended too. */
function isEnded(signIn: string, signedOut: readonly string[]): boolean {
  const last = signedOut.at(-1);
  if (last === undefined) return false;
  return signedOut.includes(signIn) || (signedOut.length >= MAX_OPERATOR_SIGN_OUTS && signIn <= last);
}
