/**
 * Imported for this effect, before `pg`, which asks at once whether it runs at Cloudflare: by `navigator`, and where that is
 * missing by making a Response, for which Node loads all of its fetch. Newer Nodes have it; Node 20 gets the same.
 */
if (!('navigator' in globalThis)) {
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: `Node.js/${process.versions.node.split('.')[0]}` },
    configurable: true,
  });
}
