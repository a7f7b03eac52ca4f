import { z } from 'zod';
import { PeerLinkError } from '../contracts/errors.ts';
import type {
  ChangeSessionRequest,
  ChangeTransferRequest,
  GrantRequest,
  OpenTransferRequest,
} from '../contracts/http.ts';
import {
  MAX_DISPLAY_NAME_CHARS,
  MAX_FILES_PER_TRANSFER,
  MAX_IDEMPOTENCY_KEY_CHARS,
  MAX_JSON_BODY_BYTES,
  MAX_PASSWORD_BYTES,
  MAX_PATH_BYTES,
  MAX_RECEIPT_RANGES,
} from '../contracts/limits.ts';
import type { OperatorSignIn } from '../contracts/operator.ts';
import type { JoinRequest, ReceiptsRequest, SendTextRequest } from '../contracts/people.ts';
import type { ChunkHead, WatchRequest } from '../contracts/socket.ts';
import { isId } from '../kernel/ids.ts';

/**
 * Shapes of what clients send. Unknown keys are refused, so that a misspelt option is no silent default. What a
 * value may be is the domain's to say, with an error type of its own; here only texts are bounded.
 */
const text = (maxChars: number) => z.string().max(maxChars);
/** Anything that cannot be an id of ours is not found, rather than badly formed: it names nothing. */
const id = z.string().max(64);
const token = z.string().min(1).max(512);

/** No shape has half as many; an object with a million members would cost seconds to be refused for each of them. */
const MAX_MEMBERS = 32;

function hasTooManyMembers(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > MAX_MEMBERS
  );
}

/**
 * Checks members one by one up to the first wrong one. Zod's own lists and records go on and describe each: a body of 8 MiB
 * full of wrong ones then holds up everybody for 40 s.
 */
function checkMembers(
  item: z.ZodType,
  members: Iterable<readonly [number | string, unknown]>,
  ctx: { addIssue(issue: { code: 'custom'; message: string; path: PropertyKey[] }): void },
): void {
  for (const [key, member] of members) {
    if (hasTooManyMembers(member)) {
      ctx.addIssue({ code: 'custom', message: 'has too many members', path: [key] });
      return;
    }
    const issue = item.safeParse(member).error?.issues[0];
    if (issue === undefined) continue;
    ctx.addIssue({ code: 'custom', message: issue.message, path: [key, ...issue.path] });
    return;
  }
}

const listOf = (item: z.ZodType, maxCount: number) =>
  z.unknown().superRefine((value, ctx) => {
    if (!Array.isArray(value)) ctx.addIssue('must be a list');
    else if (value.length > maxCount) ctx.addIssue(`must have at most ${maxCount} members, has ${value.length}`);
    else checkMembers(item, value.entries(), ctx);
  });

/** By the index of a file. */
const byFile = (item: z.ZodType) =>
  z.unknown().superRefine((value, ctx) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      ctx.addIssue('must be an object');
      return;
    }
    const members = Object.entries(value);
    const wrong = members.find(([key]) => !/^(?:0|[1-9]\d{0,4})$/.test(key));
    if (wrong !== undefined) ctx.addIssue('must have indexes of files as names');
    else checkMembers(item, members, ctx);
  });

/** More than anybody may name is refused by number, with the number. */
const people = listOf(id, 1_000);

const openFile = z.strictObject({
  path: text(MAX_PATH_BYTES * 2),
  sizeBytes: z.number().nullable(),
  digest: text(128).optional(),
  mediaType: text(256).optional(),
  lastModifiedMs: z.number().optional(),
});
const openTransferShape = {
  kind: z.enum(['share', 'direct']).optional(),
  to: people.optional(),
  files: listOf(openFile, MAX_FILES_PER_TRANSFER),
  expiresInSeconds: z.number().optional(),
  maxDownloads: z.number().nullable().optional(),
  password: text(MAX_PASSWORD_BYTES).optional(),
  chunkSizeBytes: z.number().optional(),
  senderName: text(MAX_DISPLAY_NAME_CHARS * 4).optional(),
};

export const openTransferSchema = z.strictObject(openTransferShape);
export const openTransferEventSchema = z.strictObject({
  ...openTransferShape,
  idempotencyKey: text(MAX_IDEMPOTENCY_KEY_CHARS).optional(),
});
export const changeTransferSchema = z.strictObject({
  expiresInSeconds: z.number().optional(),
  maxDownloads: z.number().nullable().optional(),
});
export const grantSchema = z.strictObject({ password: text(MAX_PASSWORD_BYTES) });
export const operatorSignInSchema = z.strictObject({ token: z.string().min(1).max(1024) });
export const createSessionSchema = z.strictObject({ displayName: text(MAX_DISPLAY_NAME_CHARS * 4).optional() });
export const changeSessionSchema = z.strictObject({ displayName: text(MAX_DISPLAY_NAME_CHARS * 4) });

export const statusEventSchema = z.strictObject({ transferId: id, uploadToken: token });
export const watchSchema = z.union(
  [z.strictObject({ transferId: id, uploadToken: token }), z.strictObject({ shareId: id, grant: token.optional() })],
  'must have transferId and uploadToken, or shareId (and grant where it has a password)',
);
export const unwatchSchema = z.strictObject({ watchId: text(64) });
export const pingSchema = z.strictObject({});
export const joinRoomSchema = z.strictObject({ room: text(64).nullable() });
export const leaveRoomSchema = z.strictObject({});
export const sendTextSchema = z.strictObject({ to: people, text: text(MAX_JSON_BODY_BYTES) });
export const receiptsSchema = z.strictObject({
  received: byFile(listOf(z.tuple([z.number(), z.number()]), MAX_RECEIPT_RANGES)),
});
/** Of a sequence or an index; whether there is such a one is the domain's to say. */
const countingNumber = z
  .number()
  .refine((value) => Number.isSafeInteger(value) && value >= 0, 'must be a whole number, 0 or more');
export const inboxReadSchema = z.strictObject({});
export const inboxSeenSchema = z.strictObject({ sequence: countingNumber });
export const chunkHeadSchema = z.strictObject({
  transferId: id,
  uploadToken: token,
  fileIndex: countingNumber,
  chunkIndex: countingNumber,
  chunkValue: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be 64 hex digits')
    .optional(),
});

/** What each schema reads, in the words of the contract. JSON has no `undefined`, so optional means absent. */
interface Shapes {
  readonly openTransfer: OpenTransferRequest;
  readonly changeTransfer: ChangeTransferRequest;
  readonly grant: GrantRequest;
  readonly operatorSignIn: OperatorSignIn;
  readonly createSession: { readonly displayName?: string };
  readonly changeSession: ChangeSessionRequest;
  readonly openTransferEvent: OpenTransferRequest & { readonly idempotencyKey?: string };
  readonly statusEvent: { readonly transferId: string; readonly uploadToken: string };
  readonly watch: WatchRequest;
  readonly unwatch: { readonly watchId: string };
  readonly ping: Record<string, never>;
  readonly joinRoom: JoinRequest;
  readonly leaveRoom: Record<string, never>;
  readonly sendText: SendTextRequest;
  readonly receipts: ReceiptsRequest;
  readonly inboxRead: Record<string, never>;
  readonly inboxSeen: { readonly sequence: number };
  readonly chunkHead: ChunkHead;
}
const SCHEMAS: Readonly<Record<keyof Shapes, z.ZodType>> = {
  openTransfer: openTransferSchema,
  changeTransfer: changeTransferSchema,
  grant: grantSchema,
  operatorSignIn: operatorSignInSchema,
  createSession: createSessionSchema,
  changeSession: changeSessionSchema,
  openTransferEvent: openTransferEventSchema,
  statusEvent: statusEventSchema,
  watch: watchSchema,
  unwatch: unwatchSchema,
  ping: pingSchema,
  joinRoom: joinRoomSchema,
  leaveRoom: leaveRoomSchema,
  sendText: sendTextSchema,
  receipts: receiptsSchema,
  inboxRead: inboxReadSchema,
  inboxSeen: inboxSeenSchema,
  chunkHead: chunkHeadSchema,
};

/** @throws bad_request that names the first member that is wrong, never its value */
export function parseAs<K extends keyof Shapes>(shape: K, value: unknown): Shapes[K] {
  if (hasTooManyMembers(value)) throw new PeerLinkError('bad_request', 'The request has too many members.');
  const result = SCHEMAS[shape].safeParse(value);
  if (result.success) return result.data as Shapes[K];
  const issue = result.error.issues[0];
  const place = issue?.path.map(String).join('.').slice(0, 100) ?? '';
  throw new PeerLinkError(
    'bad_request',
    `${place === '' ? 'The request' : place}: ${issue?.message.slice(0, 200) ?? 'is not well formed'}.`,
    {
      ...(place === '' ? {} : { data: { at: place } }),
    },
  );
}

/** @throws not_found for what cannot be an id */
export function asId(text: string | undefined): string {
  if (text !== undefined && isId(text)) return text;
  throw new PeerLinkError('not_found', 'There is no such thing.');
}
