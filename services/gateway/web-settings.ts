import type { IncomingMessage, ServerResponse } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import type { EdgeContext } from './edge-context.ts';
import { answerFault } from './http-errors.ts';
import { type ApiRoutes, aliasesOf, methodsOf } from './routes/route.ts';

/** The settings of moleculer-web: our routes below /api, and nothing else of what it can do. */
export function webSettings(routes: ApiRoutes, contextOf: (req: IncomingMessage) => EdgeContext): object {
  return {
    // Handlers and their closures stay out of the registry that nodes exchange.
    $secureSettings: ['routes', 'io', 'rootCallOptions'],
    server: false,
    port: undefined,
    logRequest: null,
    logRequestParams: null,
    logResponse: null,
    logRouteRegistration: null,
    rootCallOptions: (options: { requestID?: string }, req: IncomingMessage) => {
      options.requestID = contextOf(req).requestId;
    },
    routes: [
      {
        path: '/api',
        aliases: aliasesOf(routes, contextOf),
        mappingPolicy: 'restrict',
        mergeParams: false,
        bodyParsers: false,
        logging: false,
        pathToRegexpOptions: { sensitive: true },
        onError: (req: IncomingMessage, res: ServerResponse, fault: unknown) =>
          answerFault(req, res, contextOf(req), fault),
      },
    ],
  };
}

/** What a request deserves that no route took: 405 with the methods that work at its address, or 404. */
export function notRouted(routes: ApiRoutes, res: ServerResponse, context: EdgeContext): PeerLinkError {
  const methods = methodsOf(routes, context.path);
  if (methods.length === 0) return new PeerLinkError('not_found', 'There is nothing at this address of the API.');
  res.setHeader('Allow', methods.join(', '));
  return new PeerLinkError('method_not_allowed', `This address takes ${methods.join(', ')}.`, {
    data: { allowed: methods },
  });
}
