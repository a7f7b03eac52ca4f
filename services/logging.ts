import pino, { type Logger } from 'pino';
import type { LogLevel } from './config.ts';

/** Members that may hold a credential, wherever they appear in what is logged. Addresses are never logged whole. */
const SECRETS = [
  'authorization',
  'cookie',
  'token',
  'uploadToken',
  'grant',
  'password',
  'ticket',
  'secret',
  'set-cookie',
];

/** `token=` and `grant=` of addresses in free text, bearer tokens and cookies: what redaction by name cannot see. */
const SECRET_IN_TEXT =
  /\b(token|grant|ticket|password)=[^&\s"']+|\b(Bearer|Basic) [\w.~+/=-]+|\b((?:__Host-)?pl_[\w-]+)=[^;\s"']+/gi;

export function withoutSecrets(text: string): string {
  return text.replace(SECRET_IN_TEXT, (_match, query?: string, scheme?: string, cookie?: string) =>
    scheme === undefined ? `${query ?? cookie}=[secret]` : `${scheme} [secret]`,
  );
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly nodeId?: string;
  /** Standard output by default. */
  readonly destination?: pino.DestinationStream;
}

/** Structured logs, one JSON object a line. */
export function createLogger(options: LogOptions): Logger {
  return pino(
    {
      level: options.level,
      base: options.nodeId === undefined ? {} : { nodeId: options.nodeId },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: SECRETS.flatMap((name) => [
          pathOf(name),
          `*${pathOf(name).startsWith('[') ? '' : '.'}${pathOf(name)}`,
          `*.*${pathOf(name).startsWith('[') ? '' : '.'}${pathOf(name)}`,
        ]),
        censor: '[secret]',
      },
      serializers: { err: errorForLog },
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        logMethod(args, method) {
          method.apply(
            this,
            args.map((arg) => (typeof arg === 'string' ? withoutSecrets(arg) : arg)) as Parameters<typeof method>,
          );
        },
      },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
}

const pathOf = (name: string): string => (/^\w+$/.test(name) ? name : `["${name}"]`);

/** Causes are followed, because the first message of a chain seldom says what broke. */
function errorForLog(fault: unknown): unknown {
  if (!(fault instanceof Error)) return typeof fault === 'string' ? withoutSecrets(fault) : fault;
  const { type, code } = fault as { type?: unknown; code?: unknown };
  return {
    name: fault.name,
    ...(typeof type === 'string' ? { type } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    message: withoutSecrets(fault.message),
    stack: withoutSecrets(fault.stack ?? ''),
    ...(fault.cause === undefined ? {} : { cause: errorForLog(fault.cause) }),
  };
}
