import type { Logger } from 'pino';
import type { Acknowledge, Acknowledged } from '../contracts/socket.ts';
import { problemOf } from './http-errors.ts';

/** The acknowledgement is the last argument when it is a function; without one the client gets no answer. */
export function acknowledgeOf(args: readonly unknown[]): Acknowledge<unknown> | undefined {
  const last = args.at(-1);
  return typeof last === 'function' ? (last as Acknowledge<unknown>) : undefined;
}

/** Runs the work and acknowledges its result or its problem: every event is answered, none throws into Socket.IO. */
export async function acknowledged(
  done: Acknowledge<unknown> | undefined,
  context: { readonly requestId: string; readonly log: Logger },
  work: () => Promise<unknown>,
): Promise<void> {
  let answer: Acknowledged<unknown>;
  try {
    answer = { ok: true, result: await work() };
  } catch (fault) {
    const problem = problemOf(fault, context.requestId);
    if (problem.status === 500) context.log.error({ err: fault }, 'event failed');
    answer = { ok: false, problem };
  }
  done?.(answer);
}
