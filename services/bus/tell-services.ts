import type { ServiceBroker } from 'moleculer';

/** What Moleculer's types leave out. */
interface Discoverer {
  sendLocalNodeInfo(): Promise<void>;
}

/**
 * Tells every node at once which services a started broker has. Left alone, Moleculer tells a second later: a node that
 * says it is ready could then not be called by others.
 */
export async function tellServices(broker: ServiceBroker): Promise<void> {
  const { registry } = broker as unknown as { readonly registry: { readonly discoverer: Discoverer } };
  await registry.discoverer.sendLocalNodeInfo();
}
