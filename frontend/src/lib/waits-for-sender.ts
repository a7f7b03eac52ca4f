/**
 * Nothing comes because nothing more was sent: this device has all that the server can give now, and the server is
 * heard. A page that writes the file itself looks at other nodes meanwhile, which concerns nobody. Pure.
 * @param readyBytes at the server from the beginning on, without a gap; null when that is not known
 */
export function waitsForSender(
  { name }: { readonly name: string },
  savedBytes: number,
  readyBytes: number | null,
  isServerHeard: boolean,
): boolean {
  const isSilent = name === 'moving' || name === 'offline';
  return isSilent && isServerHeard && readyBytes !== null && savedBytes >= readyBytes;
}
