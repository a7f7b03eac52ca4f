import { encodeExtended, format } from 'content-disposition';

/**
 * Content-Disposition for a name in any script (RFC 6266). Browsers take `filename*`; curl -J and wget know only
 * `filename` and write its bytes as they come, so those are the name's UTF-8.
 */
export function disposition(name: string, type: 'attachment' | 'inline'): string {
  const filename = Buffer.from(name).toString('latin1');
  return format({ type, parameters: { filename, 'filename*': encodeExtended(name) } }, { extended: false });
}
