import type { ServiceSchema } from 'moleculer';
import type { ScrubStatus } from '../contracts/operator.ts';
import { defineService } from '../define-service.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { EventRing } from './event-ring.ts';
import { eventOfGivingUp, eventOfLeader, eventOfMending, eventOfOwnership, eventOfState } from './events.ts';
import type { FlowMeter } from './flow-meter.ts';
import { type GiveUpPorts, giveUp } from './give-up.ts';
import type { Lookout } from './lookout.ts';
import type { OperatorTokens } from './operator-tokens.ts';

const SAMPLE_EVERY_MS = 1_000;

export interface OperatorServiceDeps {
  readonly lookout: Lookout;
  readonly events: EventRing;
  readonly flows: FlowMeter;
  readonly tokens: OperatorTokens;
  /** The check of what is stored here. */
  readonly scrub: { ask(): void; status(): ScrubStatus };
  /** The same at all nodes: their events are put in order. */
  readonly clock: Clock;
  /** Whether this node reaches the data port of another. */
  readonly reaches: (nodeId: string) => Promise<boolean>;
  /** See the action. */
  readonly holds: (transferIds: readonly string[]) => Promise<readonly string[]>;
  readonly giveUp: GiveUpPorts;
  readonly onFault: (fault: unknown) => void;
}

/** What an operator is told: what this node knows, and the whole cluster as it sees it. */
export function operatorService({
  lookout,
  events,
  flows,
  tokens,
  scrub,
  clock,
  reaches,
  holds,
  giveUp: giveUpPorts,
  onFault,
}: OperatorServiceDeps): ServiceSchema {
  let loop: Loop | undefined;
  return defineService({
    name: 'operator',
    actions: {
      node: (ctx) => lookout.snapshot(ctx.params.eventsAfter),
      scrub: (ctx) => {
        if (ctx.params.isAsked) scrub.ask();
        return scrub.status();
      },
      reaches: (ctx) => reaches(ctx.params.nodeId),
      holds: (ctx) => holds(ctx.params.transferIds),
      giveUp: (ctx) => giveUp(giveUpPorts, ctx.params.nodeId, ctx.params.isConfirmed),
      overview: () => lookout.overview(),
    },
    events: {
      'node.state.changed': (ctx) => {
        const event = eventOfState(ctx.params);
        if (event !== null) events.add(event);
      },
      'node.given.up': (ctx) => events.add(eventOfGivingUp(ctx.params)),
      'cluster.leader.changed': (ctx) => events.add(eventOfLeader(ctx.params, new Date(clock.now()).toISOString())),
      'transfer.ownership.changed': (ctx) => events.add(eventOfOwnership(ctx.params)),
      'transfer.mended': (ctx) => events.add(eventOfMending(ctx.params)),
      'operator.token.renewed': () => tokens.forget(),
      'operator.signed.out': () => tokens.forget(),
    },
    async started() {
      loop = startLoop(SAMPLE_EVERY_MS, async () => flows.sample(), onFault);
    },
    async stopped() {
      await loop?.stop();
    },
  });
}
