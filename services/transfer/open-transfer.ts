import { PeerLinkError } from '../contracts/errors.ts';
import type { OpenFileRequest, OpenTransferRequest } from '../contracts/http.ts';
import {
  MAX_DISPLAY_NAME_CHARS,
  MAX_DOWNLOADS_LIMIT,
  MAX_EXPIRES_SECONDS,
  MAX_FILE_BYTES,
  MAX_FILES_PER_TRANSFER,
  MAX_IDEMPOTENCY_KEY_CHARS,
  MAX_PASSWORD_BYTES,
} from '../contracts/limits.ts';
import { randomId, SHARE_ID_LENGTH, TRANSFER_ID_LENGTH } from '../kernel/ids.ts';
import { EMPTY_DIGEST } from './digest-tree.ts';
import { chooseChunkSize } from './manifest.ts';
import { checkPath, distinctPaths, isPlainText } from './names.ts';
import type { NewFile } from './ports.ts';

/** What an operator set. */
export interface OpenLimits {
  /** null: only the protocol's limit. */
  readonly maxFileBytes: number | null;
  readonly smallestChunkBytes: number;
  readonly defaultTtlSeconds: number;
}

/** A request that was checked; everything in it may be stored. */
export interface OpenPlan {
  readonly id: string;
  readonly shareId: string;
  readonly files: readonly NewFile[];
  readonly expiresInSeconds: number;
  readonly maxDownloads: number | null;
  readonly password: string | null;
  readonly senderName: string | null;
}

/**
 * Checks every value and chooses ids and chunk sizes. The request may be anything that came over a wire, whatever its
 * type says. Whom a direct send goes to is checked elsewhere. @throws bad_request, bad_size, bad_name, too_large,
 * digest_mismatch
 */
export function planTransfer(request: OpenTransferRequest, limits: OpenLimits): OpenPlan {
  if (!isObject(request)) throw new PeerLinkError('bad_request', 'A transfer is opened with an object.');
  if (request.kind !== undefined && request.kind !== 'share' && request.kind !== 'direct') {
    throw new PeerLinkError('bad_request', 'The kind of a transfer is "share" or "direct".');
  }
  if (!Array.isArray(request.files) || request.files.length === 0)
    throw new PeerLinkError('bad_request', 'A transfer needs at least one file.');
  if (request.files.length > MAX_FILES_PER_TRANSFER) {
    throw new PeerLinkError(
      'too_large',
      `A transfer may have at most ${MAX_FILES_PER_TRANSFER} files; pack them into one first.`,
      {
        data: { limit: MAX_FILES_PER_TRANSFER },
      },
    );
  }
  const paths = distinctPaths(request.files.map(pathOf));
  return {
    id: randomId(TRANSFER_ID_LENGTH),
    shareId: randomId(SHARE_ID_LENGTH),
    files: request.files.map((file, index) =>
      planFile(file, index, paths[index] ?? '', request.chunkSizeBytes, limits),
    ),
    expiresInSeconds: expiryOf(request.expiresInSeconds, limits),
    maxDownloads: downloadsOf(request.maxDownloads),
    password: passwordOf(request.password),
    senderName: senderNameOf(request.senderName),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathOf(file: OpenFileRequest): string {
  if (!isObject(file)) throw new PeerLinkError('bad_request', 'A file is an object with path and sizeBytes.');
  if (typeof file.path !== 'string') throw new PeerLinkError('bad_name', 'The path of a file is a text.');
  const checked = checkPath(file.path);
  if (!checked.isValid) throw new PeerLinkError('bad_name', checked.message);
  return checked.path;
}

function planFile(
  file: OpenFileRequest,
  index: number,
  path: string,
  wishBytes: number | undefined,
  limits: OpenLimits,
): NewFile {
  checkSize(file.sizeBytes, limits);
  if (wishBytes !== undefined && (!Number.isSafeInteger(wishBytes) || wishBytes <= 0)) {
    throw new PeerLinkError('bad_size', 'chunkSizeBytes must be a whole number of bytes above 0.');
  }
  const expectedDigest = digestOf(file.digest);
  const digest = file.sizeBytes === 0 ? EMPTY_DIGEST : null;
  if (digest !== null && expectedDigest !== null && Buffer.compare(digest, expectedDigest) !== 0) {
    throw new PeerLinkError('digest_mismatch', 'An empty file does not have the digest given for it.');
  }
  return {
    id: randomId(TRANSFER_ID_LENGTH),
    index,
    path,
    sizeBytes: file.sizeBytes,
    chunkSizeBytes: chooseChunkSize(file.sizeBytes, wishBytes, limits.smallestChunkBytes),
    digest,
    expectedDigest,
    mediaType: mediaTypeOf(file.mediaType),
    lastModifiedMs: modifiedAt(file.lastModifiedMs),
  };
}

function checkSize(sizeBytes: number | null, limits: OpenLimits): void {
  if (sizeBytes === null) return;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new PeerLinkError('bad_size', 'sizeBytes must be a whole number of bytes, 0 or more, or null when unknown.');
  }
  const limitBytes = Math.min(limits.maxFileBytes ?? MAX_FILE_BYTES, MAX_FILE_BYTES);
  if (sizeBytes > limitBytes) {
    throw new PeerLinkError(
      'too_large',
      `The file has ${sizeBytes} bytes; this server takes files of at most ${limitBytes} bytes.`,
      {
        data: { limitBytes, sizeBytes },
      },
    );
  }
}

function digestOf(digest: string | undefined): Uint8Array | null {
  if (digest === undefined) return null;
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/i.test(digest))
    throw new PeerLinkError('bad_request', 'digest must be 64 hex digits.');
  return Uint8Array.from(Buffer.from(digest, 'hex'));
}

/** RFC 6838: only a hint for the page, so anything odd is dropped rather than refused. */
function mediaTypeOf(mediaType: string | undefined): string | null {
  return typeof mediaType === 'string' && /^[\w.+-]{1,63}\/[\w.+-]{1,63}$/.test(mediaType)
    ? mediaType.toLowerCase()
    : null;
}

/** The furthest moment that a Date can hold; anything odd is dropped, it is only a hint. */
const MAX_DATE_MS = 8.64e15;

function modifiedAt(ms: number | undefined): number | null {
  return ms !== undefined && Number.isSafeInteger(ms) && Math.abs(ms) <= MAX_DATE_MS ? ms : null;
}

export function expiryOf(seconds: number | undefined, limits: Pick<OpenLimits, 'defaultTtlSeconds'>): number {
  if (seconds === undefined) return limits.defaultTtlSeconds;
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > MAX_EXPIRES_SECONDS) {
    throw new PeerLinkError('bad_request', `expiresInSeconds must be a whole number from 1 to ${MAX_EXPIRES_SECONDS}.`);
  }
  return seconds;
}

export function downloadsOf(count: number | null | undefined): number | null {
  if (count === undefined || count === null) return null;
  if (!Number.isSafeInteger(count) || count < 1 || count > MAX_DOWNLOADS_LIMIT) {
    throw new PeerLinkError(
      'bad_request',
      `maxDownloads must be a whole number from 1 to ${MAX_DOWNLOADS_LIMIT}, or null.`,
    );
  }
  return count;
}

function passwordOf(password: string | undefined): string | null {
  if (password === undefined || password === '') return null;
  if (typeof password !== 'string') throw new PeerLinkError('bad_request', 'A password is a text.');
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new PeerLinkError('bad_request', `A password may have at most ${MAX_PASSWORD_BYTES} bytes.`);
  }
  return password;
}

function senderNameOf(name: string | undefined): string | null {
  if (name !== undefined && typeof name !== 'string') throw new PeerLinkError('bad_name', "A sender's name is a text.");
  const trimmed = name?.normalize('NFC').trim() ?? '';
  if (trimmed === '') return null;
  if ([...trimmed].length > MAX_DISPLAY_NAME_CHARS || !isPlainText(trimmed)) {
    throw new PeerLinkError(
      'bad_name',
      `A sender's name may have at most ${MAX_DISPLAY_NAME_CHARS} characters and no control characters.`,
    );
  }
  return trimmed;
}

export function idempotencyKeyOf(key: string | undefined): string | null {
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key) || key.length > MAX_IDEMPOTENCY_KEY_CHARS) {
    throw new PeerLinkError(
      'bad_request',
      `Idempotency-Key must be 1 to ${MAX_IDEMPOTENCY_KEY_CHARS} visible ASCII characters.`,
    );
  }
  return key;
}
