import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** URL-safe, no look-alikes that a person would mistype, 58 symbols. */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** A random id of `length` symbols, 5.86 bits each. Rejection sampling keeps the symbols equally likely. */
export function randomId(length: number): string {
  let id = '';
  while (id.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < ALPHABET.length * 4 && id.length < length) id += ALPHABET[byte % ALPHABET.length];
    }
  }
  return id;
}

/** 22 symbols = 128 bits: cannot be guessed, so a share id is a right to read. */
export const SHARE_ID_LENGTH = 22;
export const TRANSFER_ID_LENGTH = 22;
export const TOKEN_LENGTH = 43;

export function isId(text: string): boolean {
  return /^[1-9A-HJ-NP-Za-km-z]{8,64}$/.test(text);
}

export function sha256(text: string | Uint8Array): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares in a time that does not depend on where the bytes differ. */
export function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
