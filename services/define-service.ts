import type { Context, Service, ServiceBroker, ServiceSchema } from 'moleculer';
import { policyOf } from './contracts/action-policies.ts';
import type { ActionName, Actions, EventName, Events } from './contracts/actions.ts';
import { PeerLinkError } from './contracts/errors.ts';

/** Typed identity over Moleculer's ServiceSchema: an action's handler gets and answers what contracts/actions.ts says. */
export function defineService<S extends string>(
  schema: Omit<ServiceSchema, 'name' | 'actions' | 'events'> & {
    name: S;
    actions?: { [A in ActionOf<S>]: ActionHandler<`${S}.${A}`> };
    events?: { [E in EventName]?: EventHandler<E> };
  },
): ServiceSchema {
  const { actions, events, ...rest } = schema;
  return {
    ...rest,
    actions: Object.fromEntries(
      Object.entries(actions ?? {}).map(([name, handler]) => [
        name,
        { visibility: 'public', handler: loggingFaults(handler as Handler), ...treatmentOf(`${rest.name}.${name}`) },
      ]),
    ) as NonNullable<ServiceSchema['actions']>,
    events: Object.fromEntries(
      Object.entries(events ?? {}).map(([name, handler]) => [name, { handler }]),
    ) as unknown as NonNullable<ServiceSchema['events']>,
  };
}

type Handler = (this: Service, ctx: Context) => unknown;

/**
 * The gateway logs the faults of what it was asked for. One of a call from another node is told of here too, under the same
 * request id: only here is its stack.
 */
function loggingFaults(handler: Handler): Handler {
  return async function (ctx) {
    try {
      return await handler.call(this, ctx);
    } catch (fault) {
      const isFromElsewhere = ctx.nodeID !== null && ctx.nodeID !== this.broker.nodeID;
      if (isFromElsewhere && !(fault instanceof PeerLinkError)) {
        this.logger.error('a call of another node failed', fault, {
          requestId: ctx.requestID,
          action: ctx.action?.name,
        });
      }
      throw fault;
    }
  };
}

/** What Moleculer's middlewares read of an action's policy. */
function treatmentOf(action: string) {
  const { isIdempotent, bulkhead } = policyOf(action);
  return {
    retryPolicy: { enabled: isIdempotent },
    ...(bulkhead === undefined
      ? {}
      : { bulkhead: { enabled: true, concurrency: bulkhead.atOnce, maxQueueSize: bulkhead.queued } }),
  };
}

/** The part of an action's name behind `service.`. */
type ActionOf<S extends string> = ActionName extends infer N ? (N extends `${S}.${infer A}` ? A : never) : never;
type ActionHandler<N> = N extends ActionName
  ? (this: Service, ctx: Context<Actions[N]['params']>) => Promise<Actions[N]['result']> | Actions[N]['result']
  : never;
type EventHandler<E extends EventName> = (this: Service, ctx: Context<Events[E]>) => void | Promise<void>;

const CALL_DEADLINE_MS = 10_000;
/** An idempotent call is asked once more, so that two tries fit into the deadline. */
const TRY_DEADLINE_MS = 4_500;

/** A typed `broker.call`. Every call has a deadline: `timeoutMs` is the caller's own, and then nothing is asked twice. */
export type Call = <N extends ActionName>(
  name: N,
  params: Actions[N]['params'],
  options?: { timeoutMs?: number; nodeId?: string; requestId?: string },
) => Promise<Actions[N]['result']>;

export function typedCall(broker: ServiceBroker): Call {
  return (name, params, options = {}) =>
    broker.call(name, params, {
      timeout: options.timeoutMs ?? (policyOf(name).isIdempotent ? TRY_DEADLINE_MS : CALL_DEADLINE_MS),
      // A second try may go to any node: where one is named, no other may answer.
      ...(options.timeoutMs === undefined && options.nodeId === undefined ? {} : { retries: 0 }),
      ...(options.nodeId === undefined ? {} : { nodeID: options.nodeId }),
      ...(options.requestId === undefined ? {} : { requestID: options.requestId }),
    });
}

/** A typed `broker.broadcast`: to every node, this one too. */
export type Broadcast = <E extends EventName>(name: E, payload: Events[E]) => void;

export function typedBroadcast(broker: ServiceBroker): Broadcast {
  return (name, payload) => void broker.broadcast(name, payload);
}
