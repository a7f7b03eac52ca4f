import ipaddr from 'ipaddr.js';

/**
 * Pure readers of one setting's text. Each gives the value or says in half a sentence what was wanted; none throws.
 * The half-sentence follows the variable's name: `PORT must be a whole number from 0 to 65535, found "x"`.
 */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly wanted: string };
export type SettingReader<T> = (text: string) => Reading<T>;

const good = <T>(value: T): Reading<T> => ({ ok: true, value });
const bad = (wanted: string): Reading<never> => ({ ok: false, wanted });

export const anyText: SettingReader<string> = good;

export function textOfLength(minChars: number, maxChars: number): SettingReader<string> {
  return (text) =>
    text.length >= minChars && text.length <= maxChars
      ? good(text)
      : bad(`must have from ${minChars} to ${maxChars} characters`);
}

/** What a header can carry as it is (RFC 6750, section 2.1). */
export const bearerToken: SettingReader<string> = (text) =>
  /^[\w.~+/=-]{16,512}$/.test(text)
    ? good(text)
    : bad('must have from 16 to 512 letters, digits or any of . _ ~ + / = -');

export function wholeNumber(min: number, max: number): SettingReader<number> {
  const wanted = `must be a whole number from ${min} to ${max}`;
  return (text) => {
    if (!/^\d{1,16}$/.test(text)) return bad(wanted);
    const value = Number(text);
    return value >= min && value <= max ? good(value) : bad(wanted);
  };
}

const TRUE_WORDS = new Set(['true', '1', 'yes', 'on']);
const FALSE_WORDS = new Set(['false', '0', 'no', 'off']);

export const yesOrNo: SettingReader<boolean> = (text) => {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return good(true);
  return FALSE_WORDS.has(word) ? good(false) : bad('must be true or false');
};

export function oneOf<T extends string>(choices: readonly T[]): SettingReader<T> {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    return choice === undefined ? bad(`must be one of ${choices.join(', ')}`) : good(choice);
  };
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const QUANTITY = /^(\d{1,16}(?:\.\d{1,6})?) ?([a-z]{0,4})$/i;

/** Bytes: `1073741824`, `512MiB`, `1.5GiB`, `10GB` (decimal). */
export function size(minBytes: number, maxBytes: number): SettingReader<number> {
  const example = maxBytes >= 512 * 2 ** 20 ? '512MiB' : '64KiB';
  const wanted = `must be a size from ${minBytes} to ${maxBytes} bytes, such as ${example}`;
  return (text) => quantity(text, BYTES_PER_UNIT, 1, minBytes, maxBytes, wanted);
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Seconds: a plain number counts seconds, else `90s`, `15m`, `24h`, `7d`. */
export function seconds(minSeconds: number, maxSeconds: number): SettingReader<number> {
  const example = maxSeconds >= 86_400 ? '24h' : '5m';
  const wanted = `must be a duration from ${minSeconds} to ${maxSeconds} seconds, such as ${example}`;
  return (text) => quantity(text, { '': 1000, ...MS_PER_UNIT }, 1000, minSeconds, maxSeconds, wanted);
}

/** Milliseconds: a plain number counts milliseconds, else `500ms`, `10s`, `1m`. */
export function milliseconds(minMs: number, maxMs: number): SettingReader<number> {
  const wanted = `must be a duration from ${minMs} to ${maxMs} ms, such as 10s`;
  return (text) => quantity(text, { '': 1, ...MS_PER_UNIT }, 1, minMs, maxMs, wanted);
}

/** A whole number of `perResult` units, or a refusal. */
function quantity(
  text: string,
  units: Readonly<Record<string, number>>,
  perResult: number,
  min: number,
  max: number,
  wanted: string,
): Reading<number> {
  const match = QUANTITY.exec(text);
  const unit = match?.[2]?.toLowerCase() ?? '';
  if (match?.[1] === undefined || !Object.hasOwn(units, unit)) return bad(wanted);
  const value = (Number(match[1]) * (units[unit] ?? 0)) / perResult;
  return Number.isSafeInteger(value) && value >= min && value <= max ? good(value) : bad(wanted);
}

export function powerOfTwo(inner: SettingReader<number>): SettingReader<number> {
  return (text) => {
    const reading = inner(text);
    if (!reading.ok) return bad(`${reading.wanted}, and a power of two`);
    return Number.isInteger(Math.log2(reading.value)) ? reading : bad('must be a power of two, such as 16KiB');
  };
}

/** `https://share.example.com` without path, query, user or trailing slash; the origin in its one normal spelling. */
export const origin: SettingReader<string> = (text) => {
  const wanted = 'must be an origin such as https://share.example.com, without a path';
  if (!/^https?:\/\/[^/?#\s\\@]+\/?$/i.test(text) || !URL.canParse(text)) return bad(wanted);
  return good(new URL(text).origin);
};

/** A URL with one of these schemes and a host. Never shown in a message: it may hold a password. */
export function urlWithScheme(schemes: readonly string[]): SettingReader<string> {
  const wanted = `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return (text) => {
    if (!URL.canParse(text)) return bad(wanted);
    const url = new URL(text);
    return schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== '' ? good(text) : bad(wanted);
  };
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?$/i;

/** A short name that goes into keys. */
export const label: SettingReader<string> = (text) =>
  /^[\w-]{1,32}$/.test(text) ? good(text) : bad('must be 1 to 32 letters, digits, - or _');

export const hostName: SettingReader<string> = (text) =>
  HOST_NAME.test(text) || ipaddr.isValid(text) ? good(text) : bad('must be a host name or an IP address');

/** Comma-separated, empty parts left out; one to 64, because each one is compared with every request. */
export function listOf<T>(item: SettingReader<T>): SettingReader<readonly T[]> {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim());
    const values: T[] = [];
    if (parts.length > 64) return bad('must have at most 64 comma-separated values');
    if (parts.every((part) => part === '')) return bad('must have a value between its commas');
    for (const part of parts.filter((candidate) => candidate !== '')) {
      const reading = item(part);
      if (!reading.ok) return bad(`(a comma-separated list) each value ${reading.wanted}`);
      values.push(reading.value);
    }
    return good(values);
  };
}

/** `10.0.0.0/8`, `::1` or `192.168.1.5`, normalised to CIDR. */
export const cidr: SettingReader<string> = (text) => {
  const wanted = 'must be an address or CIDR such as 10.0.0.0/8';
  if (ipaddr.isValidCIDR(text)) return good(text);
  if (!ipaddr.isValid(text) || /^\d+$/.test(text)) return bad(wanted);
  return good(`${text}/${ipaddr.parse(text).kind() === 'ipv4' ? 32 : 128}`);
};

export const hostAndPort: SettingReader<{ readonly host: string; readonly port: number }> = (text) => {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const host = match?.[1]?.replace(/^\[(.*)\]$/, '$1') ?? '';
  const port = Number(match?.[2]);
  const isGood = hostName(host).ok && port >= 1 && port <= 65_535;
  return isGood ? good({ host, port }) : bad('must be host:port');
};
