import { parseCookie, stringifySetCookie } from 'cookie';

/** Longest value of a cookie of ours; longer ones were not made here. */
const MAX_COOKIE_CHARS = 256;

/** `__Host-` binds the cookie to this very host and to HTTPS; browsers refuse the prefix on plain HTTP. */
export function sessionCookieName(clusterId: string, isSecure: boolean): string {
  return `${isSecure ? '__Host-' : ''}pl_${clusterId}`;
}

/** The session's token in a Cookie header, whichever of the two names it came under. Never throws. */
export function sessionTokenOf(cookieHeader: string | undefined, clusterId: string, isSecure: boolean): string | null {
  if (cookieHeader === undefined) return null;
  const cookies = parseCookie(cookieHeader);
  // After a move to HTTPS the old cookie may linger; the prefixed one cannot have been planted and wins.
  const token =
    cookies[sessionCookieName(clusterId, true)] ??
    (isSecure ? undefined : cookies[sessionCookieName(clusterId, false)]);
  return token !== undefined && token.length <= MAX_COOKIE_CHARS && /^[\w-]+$/.test(token) ? token : null;
}

export function sessionCookie(
  token: string,
  options: { clusterId: string; isSecure: boolean; maxAgeSeconds: number },
): string {
  return stringifySetCookie({
    name: sessionCookieName(options.clusterId, options.isSecure),
    value: token,
    httpOnly: true,
    sameSite: 'lax',
    secure: options.isSecure,
    path: '/',
    maxAge: options.maxAgeSeconds,
  });
}

/** The prefix binds it to HTTPS; `__Host-` would need the path `/`, and only the operator's routes are to see it. */
function operatorCookieName(clusterId: string, isSecure: boolean): string {
  return `${isSecure ? '__Secure-' : ''}pl_operator_${clusterId}`;
}

/** What the operator's cookie holds; null without one. Never throws. */
export function operatorSealOf(cookieHeader: string | undefined, clusterId: string, isSecure: boolean): string | null {
  const seal =
    cookieHeader === undefined ? undefined : parseCookie(cookieHeader)[operatorCookieName(clusterId, isSecure)];
  return seal !== undefined && seal.length <= MAX_COOKIE_CHARS ? seal : null;
}

export function operatorCookie(
  seal: string,
  options: { clusterId: string; isSecure: boolean; maxAgeSeconds: number },
): string {
  return stringifySetCookie({
    name: operatorCookieName(options.clusterId, options.isSecure),
    value: seal,
    httpOnly: true,
    sameSite: 'strict',
    secure: options.isSecure,
    path: '/api/operator',
    maxAge: options.maxAgeSeconds,
  });
}

/** "a cookie with Path `/d/<shareId>`": the right to download a share with a password. */
export function grantCookie(
  grant: string,
  options: { shareId: string; isSecure: boolean; maxAgeSeconds: number },
): string {
  return stringifySetCookie({
    name: 'pl_grant',
    value: grant,
    httpOnly: true,
    sameSite: 'lax',
    secure: options.isSecure,
    path: `/d/${options.shareId}`,
    maxAge: options.maxAgeSeconds,
  });
}
