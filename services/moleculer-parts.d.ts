/** moleculer-io ships no types; what we use of it. */
declare module 'moleculer-io' {
  import type { ServiceSchema } from 'moleculer';

  const SocketIOService: ServiceSchema;
  export = SocketIOService;
}
