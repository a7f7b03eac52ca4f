import { PeerLinkError } from '../../contracts/errors.ts';
import type { OpenTransferRequest } from '../../contracts/http.ts';
import { MAX_RECIPIENTS, MAX_TEXT_BYTES } from '../../contracts/limits.ts';

/** Checks of what people send each other. Values may be anything that came over a wire. */

/** @returns null for a share. @throws bad_request */
export function recipientsOf(request: OpenTransferRequest): readonly string[] | null {
  if (request.kind !== 'direct') {
    if (request.to === undefined) return null;
    throw new PeerLinkError('bad_request', 'Only a transfer of the kind "direct" is sent to somebody.');
  }
  if (request.password !== undefined || (request.maxDownloads !== undefined && request.maxDownloads !== null)) {
    throw new PeerLinkError(
      'bad_request',
      'A direct send has neither password nor download limit: who may read it is whom it is sent to.',
    );
  }
  return checkRecipients(request.to);
}

/** @throws bad_request */
export function checkRecipients(to: unknown): readonly string[] {
  if (!Array.isArray(to) || to.length < 1 || to.length > MAX_RECIPIENTS) {
    throw new PeerLinkError('bad_request', `Name 1 to ${MAX_RECIPIENTS} people in "to", by their session ids.`);
  }
  if (new Set(to).size !== to.length) throw new PeerLinkError('bad_request', 'Somebody is named twice in "to".');
  return to as readonly string[];
}

/** C0 and C1 controls except tab and newline; what overrides or isolates the direction of the text around it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Any plain text; markup in it is text too. @throws bad_request, too_large */
export function checkText(text: unknown): string {
  if (typeof text !== 'string' || text.trim() === '')
    throw new PeerLinkError('bad_request', 'There is no text to send.');
  const lengthBytes = Buffer.byteLength(text);
  if (lengthBytes > MAX_TEXT_BYTES) {
    throw new PeerLinkError(
      'too_large',
      `A text may have ${MAX_TEXT_BYTES} bytes, this has ${lengthBytes}. Send a file.`,
      {
        data: { limitBytes: MAX_TEXT_BYTES, sizeBytes: lengthBytes },
      },
    );
  }
  if (LONE_SURROGATE.test(text)) throw new PeerLinkError('bad_request', 'The text is not valid Unicode.');
  if (REFUSED.test(text)) {
    throw new PeerLinkError(
      'bad_request',
      'The text has control characters, or controls of text direction. Tabs and newlines (LF) are fine.',
    );
  }
  return text;
}
