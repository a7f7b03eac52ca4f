/** moleculer-io and moleculer-repl ship no types for this; what we use of them. */
declare module 'moleculer-io' {
  import type { ServiceSchema } from 'moleculer';

  const SocketIOService: ServiceSchema;
  export = SocketIOService;
}

declare module 'moleculer-repl/src/commands' {
  import type { ServiceBroker } from 'moleculer';

  const registerCommands: (program: unknown, broker: ServiceBroker) => void;
  export = registerCommands;
}

declare module 'moleculer-repl/src/autocomplete' {
  import type { ServiceBroker } from 'moleculer';
  export const autocompleteHandler: (line: string, broker: ServiceBroker, program: unknown) => [string[], string];
}
