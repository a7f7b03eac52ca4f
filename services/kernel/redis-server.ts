/** Nothing newer is used, and nothing older is tried. */
const OLDEST_REDIS_MAJOR = 6;

/**
 * What is wrong with a Redis server, from its answer to `INFO server`, as the end of a sentence that begins with
 * REDIS_HOST; null: nothing. A server that hides its version is taken at its word that it is Redis.
 */
export function redisVersionFault(info: string): string | null {
  const version = /^redis_version:(\d{1,6})\.([\d.]{1,20})/m.exec(info);
  if (version === null || Number(version[1]) >= OLDEST_REDIS_MAJOR) return null;
  return `names Redis ${version[1]}.${version[2]}; PeerLink needs Redis ${OLDEST_REDIS_MAJOR}.0 or newer`;
}

/** True for a host that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}
