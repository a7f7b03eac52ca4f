import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie, stringifySetCookie } from 'cookie';
import { PeerLinkError } from '../../contracts/errors.ts';
import { GRANT_TTL_MS } from '../../contracts/limits.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';

const GRANT_COOKIE = 'pl_grant';
export const LEASE_COOKIE = 'pl_lease';

/** A share's own cookies in a request. */
export function shareCookies(req: IncomingMessage): { lease: string | undefined; grant: string | undefined } {
  const cookies = parseCookie(req.headers.cookie ?? '');
  return { lease: cookies[LEASE_COOKIE], grant: cookies[GRANT_COOKIE] };
}

/** Cookies of one share go to that share only. */
export function setShareCookie(
  res: ServerResponse,
  context: RequestContext,
  shareId: string,
  name: string,
  value: string,
  maxAgeMs: number,
): void {
  const cookie = stringifySetCookie({
    name,
    value,
    path: `/d/${shareId}`,
    httpOnly: true,
    sameSite: 'lax',
    secure: context.isSecure,
    maxAge: Math.floor(maxAgeMs / 1000),
  });
  res.appendHeader('set-cookie', cookie);
}

/**
 * Lets the request pass when the share has no password, or it brings a grant (cookie, `?grant=`) or the password
 * itself (`curl -u :password`). A direct send is there for its recipients only, by their own grants.
 * @returns the recipient's session, of a direct send
 * @throws password_required, bad_password, rate_limited, busy; not_found; what it is over with
 */
export async function assertAllowed(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  transfer: RunningTransfer,
  query: URLSearchParams,
): Promise<string | null> {
  const { control, engine } = deps;
  const cookie = shareCookies(req).grant;
  const inAddress = query.get('grant') ?? undefined;
  if (transfer.row.kind === 'direct') {
    // Before anything is told of it, also that it is over.
    const sessionId = await deps.direct.assertRecipient(transfer, { header: cookie, address: inAddress });
    transfer.assertReadable(engine.nowMs);
    return sessionId;
  }
  transfer.assertReadable(engine.nowMs);
  // Also with neither: a share without a password is open to all.
  if (control.mayRead(transfer, cookie)) return null;
  if (control.mayRead(transfer, inAddress, 'address')) return null;
  const password = basicPasswordOf(req.headers.authorization);
  if (password === null) {
    res.setHeader('www-authenticate', 'Basic realm="PeerLink share", charset="UTF-8"');
    throw new PeerLinkError(
      'password_required',
      'This link has a password. Open it in a browser, or use: curl -u :PASSWORD',
    );
  }
  await deps.edge.consumeRate('passwords', context);
  await control.assertPassword(transfer, password);
  setShareCookie(res, context, transfer.row.shareId, GRANT_COOKIE, control.grantFor(transfer).grant, GRANT_TTL_MS);
  return null;
}

/** The password of `Authorization: Basic`, whatever the user's name is; null when there is none. Never throws. */
export function basicPasswordOf(header: string | undefined): string | null {
  const basic = /^Basic ([\w+/=-]{1,4096})$/i.exec(header ?? '')?.[1];
  if (basic === undefined) return null;
  const text = Buffer.from(basic, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}
