import type { IncomingMessage } from 'node:http';
import type { Context } from 'moleculer';
import type { Logger } from 'pino';
import type { Server as IoServer } from 'socket.io';
import type { Events } from '../contracts/actions.ts';
import type { Call } from '../define-service.ts';
import { randomId } from '../kernel/ids.ts';
import { ClusterNews } from './cluster-news.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import { InboxEvents } from './inbox-events.ts';
import { PeopleEvents } from './people-events.ts';
import type { People } from './ports.ts';
import type { RateLimits } from './rate-limit.ts';
import { RecipientNews } from './recipient-news.ts';
import { type Watch, Watches } from './watches.ts';

const WATCH_ID_LENGTH = 16;

export interface LiveNewsDeps {
  readonly call: Call;
  readonly rateLimits: RateLimits;
  readonly people: People;
  /** See PeopleEventsDeps. */
  readonly localRoom: (handshake: IncomingMessage) => Promise<string | null>;
  readonly cluster: ClusterWatch;
  readonly log: Logger;
}

/** All that pages are told without asking: of transfers they watch, people in their room, their inbox, and the nodes. */
export class LiveNews {
  readonly watches = new Watches(() => randomId(WATCH_ID_LENGTH));
  readonly people: PeopleEvents;
  readonly inboxes: InboxEvents;
  readonly recipients: RecipientNews;
  readonly #cluster: ClusterNews;
  #io: IoServer | undefined;

  constructor(deps: LiveNewsDeps) {
    const nowMs = () => performance.now();
    const onFault = (fault: unknown) => deps.log.warn({ err: fault }, 'people were not told what was sent');
    this.#cluster = new ClusterNews(deps);
    this.people = new PeopleEvents({ ...deps, nowMs, later: (delayMs, act) => void setTimeout(act, delayMs).unref() });
    this.inboxes = new InboxEvents({ ...deps, onFault });
    this.recipients = new RecipientNews({ call: deps.call, watches: this.watches, nowMs, onFault });
  }

  /** From now on the sockets of this server are told. */
  start(io: IoServer): void {
    this.#io = io;
    const isReady = (socketId: string) => !isBehind(io, socketId);
    this.#cluster.start((found) => io.emit('cluster.changed', found));
    this.inboxes.start({
      isReady,
      tell: (socketId, inbox) => void io.to(socketId).emit('inbox.changed', inbox),
      tellProgress: (socketId, progress) => void io.to(socketId).emit('inbox.progress', progress),
    });
    this.recipients.start((watch, list) => this.#tell(watch, 'transfer.recipients', { recipients: list }));
    this.people.start({
      isReady,
      tell: (socketId, snapshot) => void io.to(socketId).emit('people.changed', snapshot),
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.#cluster.stop(), this.inboxes.stop(), this.recipients.stop()]);
  }

  /** What is heard on the bus. Of direct sends it is only a hint: whom it concerns is sent what the rows say. */
  busEvents() {
    const { watches, inboxes, recipients } = this;
    const cluster = this.#cluster;
    const tellWatchers = (transferId: string, event: string, news: object) => {
      for (const watch of watches.of(transferId)) this.#tell(watch, event, news);
    };
    return {
      'transfer.progressed': {
        handler(ctx: Context<Events['transfer.progressed']>) {
          const { transferId, ...progress } = ctx.params;
          tellWatchers(transferId, 'transfer.progress', progress);
        },
      },
      'transfer.state.changed': {
        handler(ctx: Context<Events['transfer.state.changed']>) {
          const { transferId, ...change } = ctx.params;
          inboxes.hearTransfer(transferId);
          tellWatchers(transferId, 'transfer.state', change);
        },
      },
      'inbox.changed': {
        handler(ctx: Context<Events['inbox.changed']>) {
          inboxes.hear(ctx.params.sessionIds);
        },
      },
      'transfer.recipients.changed': {
        handler(ctx: Context<Events['transfer.recipients.changed']>) {
          const { transferIds, isAnswer } = ctx.params;
          recipients.hear(transferIds, isAnswer);
          if (isAnswer) for (const transferId of transferIds) inboxes.hearTransfer(transferId);
        },
      },
      'node.state.changed': {
        handler(ctx: Context<Events['node.state.changed']>) {
          cluster.hearState(ctx.params.state);
        },
      },
    };
  }

  #tell({ socketId, watchId }: Watch, event: string, news: object): void {
    this.#io?.to(socketId).emit(event, { watchId, ...news });
  }
}

/** Earlier messages are still unsent; engine.io shows that in a field that its types do not declare. */
function isBehind(io: IoServer, socketId: string): boolean {
  const conn = io.of('/').sockets.get(socketId)?.conn as unknown as
    | { readonly writeBuffer: readonly unknown[] }
    | undefined;
  return (conn?.writeBuffer.length ?? 0) > 0;
}
