import { createHmac, randomBytes, scrypt } from 'node:crypto';
import { isEqualBytes } from '../kernel/ids.ts';
import { Semaphore } from '../kernel/semaphore.ts';

/** OWASP's scrypt setting: 16 MiB and about 40 ms a hash here. */
const SCRYPT = { N: 16_384, r: 8, p: 5, maxmem: 64 * 1024 * 1024 };
const HASH_BYTES = 32;
/** One at a time: hashing runs on the pool that moves bytes, and must leave it the other threads. */
const hashing = new Semaphore(1, 64);

function scryptOf(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, SCRYPT, (fault, key) =>
      fault === null ? resolve(key) : reject(fault),
    );
  });
}

/** Null when too many others wait. */
async function hashInTurn(password: string, salt: Uint8Array): Promise<Buffer | null> {
  const release = await hashing.acquire();
  if (release === null) return null;
  try {
    return await scryptOf(password, salt);
  } finally {
    release();
  }
}

/** `scrypt$<salt>$<hash>`, both base64url; null when too many passwords wait to be hashed. */
export async function hashPassword(password: string): Promise<string | null> {
  const salt = randomBytes(16);
  const hash = await hashInTurn(password, salt);
  return hash === null ? null : `scrypt$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

export async function checkPassword(password: string, stored: string): Promise<'right' | 'wrong' | 'busy'> {
  const [scheme, salt, hash] = stored.split('$');
  if (scheme !== 'scrypt' || salt === undefined || hash === undefined) return 'wrong';
  const found = await hashInTurn(password, Buffer.from(salt, 'base64url'));
  if (found === null) return 'busy';
  return isEqualBytes(found, Buffer.from(hash, 'base64url')) ? 'right' : 'wrong';
}

/**
 * A transfer's upload token: derived, so that a repeated open with the same Idempotency-Key gets the same one
 * although only its hash is stored.
 */
export function uploadTokenFor(secret: Uint8Array, transferId: string): string {
  return createHmac('sha256', secret).update(`upload-token\0${transferId}`).digest('base64url');
}

/** Where a grant may ride: in a header, or in an address, which more people see. */
export type GrantUse = 'header' | 'address';

/** The right to read one share until a time: `<share id>.<expiry, base 36 seconds>.<MAC>`. */
export function signGrant(secret: Uint8Array, use: GrantUse, shareId: string, expiresAtMs: number): string {
  const head = `${shareId}.${Math.floor(expiresAtMs / 1000).toString(36)}`;
  return `${head}.${grantMac(secret, use, head)}`;
}

export function isGrantValid(
  secret: Uint8Array,
  use: GrantUse,
  shareId: string,
  grant: string,
  nowMs: number,
): boolean {
  if (grant.length > 256) return false;
  const [share, expiry, mac, ...more] = grant.split('.');
  if (share !== shareId || expiry === undefined || mac === undefined || more.length > 0) return false;
  const wanted = grantMac(secret, use, `${share}.${expiry}`);
  if (!isEqualBytes(Buffer.from(mac), Buffer.from(wanted))) return false;
  return Number.parseInt(expiry, 36) * 1000 > nowMs;
}

/**
 * The right of one recipient of a direct send: `<share id>.<expiry>.<session id>.<MAC>`, so that what is read is counted
 * as theirs.
 */
export function signRecipientGrant(
  secret: Uint8Array,
  use: GrantUse,
  shareId: string,
  sessionId: string,
  expiresAtMs: number,
): string {
  const head = `${shareId}.${Math.floor(expiresAtMs / 1000).toString(36)}.${sessionId}`;
  return `${head}.${grantMac(secret, use, `recipient\0${head}`)}`;
}

/** The session that a grant was made for; null: it is none, or over, or another share's. */
export function recipientOfGrant(
  secret: Uint8Array,
  use: GrantUse,
  shareId: string,
  grant: string,
  nowMs: number,
): string | null {
  if (grant.length > 256) return null;
  const [share, expiry, sessionId, mac, ...more] = grant.split('.');
  if (share !== shareId || expiry === undefined || sessionId === undefined || mac === undefined || more.length > 0) {
    return null;
  }
  const wanted = grantMac(secret, use, `recipient\0${share}.${expiry}.${sessionId}`);
  if (!isEqualBytes(Buffer.from(mac), Buffer.from(wanted))) return null;
  return Number.parseInt(expiry, 36) * 1000 > nowMs ? sessionId : null;
}

function grantMac(secret: Uint8Array, use: GrantUse, head: string): string {
  return createHmac('sha256', secret).update(`grant\0${use}\0${head}`).digest('base64url');
}
