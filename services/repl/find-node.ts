export type FoundNode =
  | { readonly ok: true; readonly nodeId: string }
  | { readonly ok: false; readonly message: string };

/**
 * The node that an id, or the beginning of one, means.
 * @param kind of nodes these are, for who names none of them
 */
export function findNode(nodeIds: readonly string[], asked: string, kind = 'node that answers'): FoundNode {
  const known = nodeIds.join(' ');
  if (asked === '') return { ok: false, message: `which node? There are: ${known}` };
  const meant = nodeIds.includes(asked) ? [asked] : nodeIds.filter((id) => id.startsWith(asked));
  const [nodeId] = meant;
  if (nodeId === undefined) return { ok: false, message: `no ${kind} is called ${asked}; there are: ${known}` };
  if (meant.length > 1) return { ok: false, message: `${asked} may be any of: ${meant.join(' ')}` };
  return { ok: true, nodeId };
}
