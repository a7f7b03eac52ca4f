import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Caller } from '../contracts/actions.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { HEADER, type PublicSession } from '../contracts/http.ts';
import type { RequestContext } from '../transfer/data-plane/data-plane.ts';
import {
  addressKeyOf,
  clientAddress,
  isTrusted,
  parseTrustedNetworks,
  type TrustedNetworks,
} from './client-address.ts';
import { sessionTokenOf } from './cookies.ts';
import type { EdgeSettings } from './edge-settings.ts';
import { isOwnOrigin, machineNames, publicOriginOf } from './public-origin.ts';
import { mayBeRebound } from './rebinding.ts';

/** Where the asking page came from, by its Origin header. */
export type OriginRelation = 'none' | 'own' | 'allowed' | 'foreign';

/** RequestContext and what only the gateway needs. */
export interface EdgeContext extends RequestContext {
  /** Without the query; undecoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly originRelation: OriginRelation;
  /** A page of our own origin whose name could be a stranger's: it may do what any stranger may, and see nobody around. */
  readonly isPageDoubtful: boolean;
  /** What the session cookie holds, whether or not it may be used. */
  readonly sessionToken: string | null;
  /** The session of the cookie; null without one or when it may not be used. @throws bad_origin, unavailable */
  readonly session: () => Promise<PublicSession | null>;
}

export interface ContextDeps {
  readonly settings: EdgeSettings;
  readonly log: Logger;
  readonly port: () => number;
  readonly resolveSession: (token: string, requestId: string) => Promise<PublicSession | null>;
  /** Origins of the cluster's nodes: each serves our own page, which may ask any of them without its cookie. */
  readonly nodeOrigins?: () => readonly string[];
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
export const isMutating = (req: IncomingMessage): boolean => !SAFE_METHODS.has(req.method ?? '');

const MACHINE_NAMES_KEPT_MS = 60_000;

export type MakeContext = (req: IncomingMessage) => EdgeContext;

export function createContextMaker(deps: ContextDeps): MakeContext {
  const { settings } = deps;
  const networks = parseTrustedNetworks(settings.trustedProxies);
  const currentNames = rememberedMachineNames();
  const originSettings = {
    publicUrl: settings.publicUrl,
    allowedOrigins: settings.corsOrigins,
    port: deps.port,
    machineNames: currentNames,
  };

  return (req) => {
    const requestId = requestIdOf(req.headers[HEADER.requestId]);
    const { isProxied, isHostVouched, host, isSecure, address } = asClientKnows(req, networks, settings.publicUrl);
    const url = req.url ?? '/';
    const questionMark = url.indexOf('?');
    const originRelation = originRelationOf(req.headers.origin, { host, isSecure }, settings, deps.nodeOrigins?.());
    let session: Promise<PublicSession | null> | undefined;

    const context: EdgeContext = {
      requestId,
      address,
      addressKey: addressKeyOf(address),
      publicOrigin: publicOriginOf(host, isSecure, originSettings, isHostVouched),
      isSecure,
      log: deps.log.child({ requestId }),
      path: questionMark === -1 ? url : url.slice(0, questionMark),
      query: new URLSearchParams(questionMark === -1 ? '' : url.slice(questionMark + 1)),
      originRelation,
      // Asked of few: those that want to see who is around.
      get isPageDoubtful() {
        // A proxy of the operator's passes on the names that it was told of, and nobody else has a certificate for HTTPS.
        if (originRelation !== 'own' || isProxied || isSecure || req.headers.origin === settings.publicUrl)
          return false;
        return mayBeRebound(host, [...settings.corsOrigins, settings.publicUrl ?? ''], currentNames());
      },
      sessionToken: sessionTokenOf(req.headers.cookie, settings.clusterId, isSecure),
      session() {
        session ??= resolveSession(req, context, deps);
        return session;
      },
      sessionId: async () => (await context.session())?.id ?? null,
    };
    return context;
  };
}

/** At most a minute old. */
function rememberedMachineNames(): () => ReadonlySet<string> {
  let names = machineNames();
  let readAtMs = performance.now();
  return () => {
    if (performance.now() - readAtMs > MACHINE_NAMES_KEPT_MS) {
      names = machineNames();
      readAtMs = performance.now();
    }
    return names;
  };
}

/** Host, scheme and address as the client knows them: by the forwarded headers of a trusted proxy, else by the connection. */
function asClientKnows({ headers, socket }: IncomingMessage, networks: TrustedNetworks, publicUrl: string | null) {
  const isProxied = isTrusted(socket.remoteAddress, networks);
  const forwarded = (name: string) => (isProxied ? firstOf(headers[name]) : undefined);
  const forwardedHost = forwarded('x-forwarded-host');
  const host = forwardedHost ?? headers.host;
  return {
    isProxied,
    isHostVouched: forwardedHost !== undefined,
    host,
    isSecure: (forwarded('x-forwarded-proto') ?? '').toLowerCase() === 'https' || isHttpsByName(host, publicUrl),
    address: clientAddress(socket.remoteAddress, joined(headers['x-forwarded-for']), networks),
  };
}

/**
 * "The session cookie is used on the page's own origin only; a mutating request with it must have our Origin and a
 * JSON or octet-stream type." The bearer of an upload token needs no cookie, so a cookie that may not be used is then
 * left aside instead of refused.
 */
async function resolveSession(
  req: IncomingMessage,
  context: EdgeContext,
  deps: ContextDeps,
): Promise<PublicSession | null> {
  const token = context.sessionToken;
  if (token === null) return null;
  const isAllowed = context.originRelation === 'own' || (context.originRelation === 'none' && !isMutating(req));
  if (!isAllowed || (isMutating(req) && !hasSafeType(req))) {
    if (bearerOf(req) !== null || (context.originRelation !== 'own' && !isMutating(req))) return null;
    throw new PeerLinkError(
      'bad_origin',
      'A change with the session cookie needs our own Origin and a JSON or octet-stream body.',
    );
  }
  return deps.resolveSession(token, context.requestId);
}

/** Types that a form of another site cannot send without asking first (fetch standard, CORS-safelisted). */
function hasSafeType(req: IncomingMessage): boolean {
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  const type = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  return !hasBody || type === 'application/json' || type === 'application/octet-stream';
}

function originRelationOf(
  origin: string | undefined,
  { host, isSecure }: { readonly host: string | undefined; readonly isSecure: boolean },
  settings: Pick<EdgeSettings, 'publicUrl' | 'corsOrigins'>,
  nodeOrigins: readonly string[] = [],
): OriginRelation {
  if (origin === undefined) return 'none';
  if (isOwnOrigin(origin, host, settings.publicUrl, isSecure)) return 'own';
  return settings.corsOrigins.includes(origin) || nodeOrigins.includes(origin) ? 'allowed' : 'foreign';
}

/** `Authorization: Bearer <token>`, at most 512 characters; null without. */
export function bearerOf(req: IncomingMessage): string | null {
  return /^Bearer ([\w.~+/=-]{1,512})$/i.exec(req.headers.authorization ?? '')?.[1] ?? null;
}

/** Who asks, for the actions. A bearer of a token is served even while sessions cannot be looked up. */
export async function callerOf(context: EdgeContext, uploadToken: string | null): Promise<Caller> {
  const sessionId = await context.sessionId().catch((fault: unknown) => {
    if (uploadToken !== null) return null;
    throw fault;
  });
  return { sessionId, uploadToken, addressKey: context.addressKey, publicOrigin: context.publicOrigin };
}

/** A sane id of the client's or proxy's is kept, so that one id runs through all logs; else one is made. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\w.-]{8,64}$/.test(header) ? header : randomUUID();
}

/** Without a word of a proxy we still know that PUBLIC_URL is HTTPS when the request was sent to its host. */
function isHttpsByName(host: string | undefined, publicUrl: string | null): boolean {
  return publicUrl?.startsWith('https://') === true && new URL(publicUrl).host === host?.toLowerCase();
}

const joined = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header;
const firstOf = (header: string | string[] | undefined): string | undefined => joined(header)?.split(',', 1)[0]?.trim();
