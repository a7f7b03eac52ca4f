import { hostname, networkInterfaces } from 'node:os';

/** A Host header taken apart: lower-case name without brackets, port or undefined. */
export interface Host {
  readonly name: string;
  readonly port: number | undefined;
}

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9._-]{0,252}))(?::(\d{1,5}))?$/i;

/** Undefined when it is no host: such a header names nothing. */
export function parseHost(header: string | undefined): Host | undefined {
  const match = header === undefined ? null : HOST.exec(header.trim());
  if (match?.[1] === undefined) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && (port === 0 || port > 65_535)) return undefined;
  const url = `http://${match[1]}${port === undefined ? '' : `:${port}`}`;
  if (!URL.canParse(url)) return undefined;
  const name = new URL(url).hostname.replace(/\.$/, '');
  // What was a name with its last dot may be a bad number without: `a.1..` is `a.1.`, which is none.
  return URL.canParse(`http://${name}`) ? { name: name.replace(/^\[(.*)\]$/, '$1'), port } : undefined;
}

/** Names and addresses by which this machine may be called. Interfaces come and go, so it is read again now and then. */
export function machineNames(): ReadonlySet<string> {
  const names = new Set<string>(['localhost', '::1', hostname().toLowerCase(), `${hostname().toLowerCase()}.local`]);
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address } of addresses ?? []) names.add(address.toLowerCase().replace(/%.*$/, ''));
  }
  return names;
}

export interface OriginSettings {
  readonly publicUrl: string | null;
  readonly allowedOrigins: readonly string[];
  readonly port: () => number;
  readonly machineNames: () => ReadonlySet<string>;
}

function isThisMachine(name: string, names: ReadonlySet<string>): boolean {
  return names.has(name) || name.endsWith('.localhost') || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

/**
 * Where links begin: `PUBLIC_URL`, else the request's Host when it is this machine's or allowed, or when a trusted proxy
 * says that it was asked by it. Any other Host was made up, or belongs to a proxy nobody told us about, and a link to it
 * could lead anywhere.
 */
export function publicOriginOf(
  hostHeader: string | undefined,
  isSecure: boolean,
  settings: OriginSettings,
  isHostVouched = false,
): string {
  if (settings.publicUrl !== null) return settings.publicUrl;
  const host = parseHost(hostHeader);
  const origin = host === undefined ? undefined : originOf(host, isSecure);
  if (host !== undefined && origin !== undefined) {
    if (isHostVouched || settings.allowedOrigins.includes(origin)) return origin;
    if (isThisMachine(host.name, settings.machineNames())) return origin;
  }
  return `http://localhost:${settings.port()}`;
}

function originOf(host: Host, isSecure: boolean): string {
  const name = host.name.includes(':') ? `[${host.name}]` : host.name;
  return new URL(`${isSecure ? 'https' : 'http'}://${name}${host.port === undefined ? '' : `:${host.port}`}`).origin;
}

/**
 * Whether an Origin header names the page's own origin: `PUBLIC_URL`, or the very host the request was sent to. The
 * scheme counts where it is known to be HTTPS: a page on plain HTTP is whoever's is on the way. Else it is left out, because
 * behind a proxy that ends TLS and is not listed in TRUSTED_PROXIES we do not know it.
 */
export function isOwnOrigin(
  originHeader: string,
  hostHeader: string | undefined,
  publicUrl: string | null,
  isSecure = false,
): boolean {
  if (publicUrl !== null && originHeader === publicUrl) return true;
  const match = /^(https?):\/\/([^/?#@\\\s]+)$/i.exec(originHeader);
  const origin = parseHost(match?.[2]);
  const host = parseHost(hostHeader);
  if (match === null || origin === undefined || host === undefined) return false;
  const isOriginSecure = match[1]?.toLowerCase() === 'https';
  if (isSecure && !isOriginSecure) return false;
  const defaultPort = isOriginSecure ? 443 : 80;
  return origin.name === host.name && (origin.port ?? defaultPort) === (host.port ?? defaultPort);
}
