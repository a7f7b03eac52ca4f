import { parseHost } from './public-origin.ts';

/** Ends of names that public DNS does not answer: nobody outside can make one of them lead here. */
const LOCAL_ENDS = /\.(?:local|localhost|localdomain|lan|home|home\.arpa|internal|intranet|corp|private)$/;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/**
 * Whether the name that a page was opened by could be a stranger's who had it lead to this machine (DNS rebinding): that page
 * is of our own origin to the browser, and whoever owns the name has written it. Addresses, names without a dot, names of
 * private networks, this machine's and those that the operator has named are nobody else's.
 * @param namedOrigins PUBLIC_URL and CORS_ORIGIN
 */
export function mayBeRebound(
  hostHeader: string | undefined,
  namedOrigins: readonly string[],
  machineNames: ReadonlySet<string>,
): boolean {
  const name = parseHost(hostHeader)?.name;
  if (name === undefined) return true;
  if (name.includes(':') || !name.includes('.') || IPV4.test(name) || LOCAL_ENDS.test(name)) return false;
  if (machineNames.has(name)) return false;
  return !namedOrigins.some((origin) => URL.canParse(origin) && new URL(origin).hostname === name);
}
