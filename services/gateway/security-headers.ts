import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * On every answer. Links are rights to read, so no Referer may carry one away. Browsers ignore the opener policy on
 * plain HTTP and complain of it in the console; they send Sec-Fetch-Dest exactly where they would follow it.
 */
export function setSecurityHeaders(req: IncomingMessage, res: ServerResponse, isSecure: boolean): void {
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('X-Frame-Options', 'DENY');
  if (isSecure || req.headers['sec-fetch-dest'] !== undefined) {
    res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  }
  res.setHeader('Permissions-Policy', 'camera=(), microphone=(), geolocation=(), payment=(), usb=()');
}

/** For JSON and text of ours: nothing in it may run, wherever it is shown. */
export const NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'";

/**
 * For the page: only its own files, nothing inline. `connectOrigins` are the nodes that it may talk to directly.
 */
export function pagePolicy(connectOrigins: readonly string[]): string {
  const direct = connectOrigins.flatMap((origin) => [origin, origin.replace(/^http/, 'ws')]);
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    ['connect-src', "'self'", ...direct].join(' '),
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
