import { io, type Socket } from 'socket.io-client';
import { errorTypeOf, type ProblemDetails } from '../../services/contracts/errors.ts';
import type { OpenTransferRequest, OpenTransferResponse } from '../../services/contracts/http.ts';
import type { Inbox, OfferAccepted, OfferItem, PeopleSnapshot } from '../../services/contracts/people.ts';
import type { Recipient } from '../../services/contracts/person.ts';
import { type Acknowledged, CONTROL_PATH } from '../../services/contracts/socket.ts';
import { newCookie, newRoom as roomOf } from './person-client.ts';
import type { TestServer } from './server.ts';
import { waitFor } from './waiting.ts';

const DEADLINE_MS = 15_000;
export type Node = Pick<TestServer, 'url'>;

/** Somebody with a session and, while connected, a socket on one node that has joined a room and reads its inbox. */
export class TestPerson {
  readonly id: string;
  readonly cookie: string;
  node: Node;
  #socket: Socket | null = null;
  #seen = new Set<string>();
  /** Every inbox that came, by answer or event, oldest first. */
  readonly inboxes: Inbox[] = [];
  readonly recipientEvents: { readonly atMs: number; readonly recipients: readonly Recipient[] }[] = [];

  constructor(node: Node, id: string, cookie: string) {
    this.node = node;
    this.id = id;
    this.cookie = cookie;
  }

  get socket(): Socket {
    if (this.#socket === null) throw new Error('not connected');
    return this.#socket;
  }

  get inbox(): Inbox {
    return this.inboxes.at(-1) ?? { items: [] };
  }

  /** The newest word on an offer. */
  offer(transferId: string): OfferItem | undefined {
    return this.inbox.items.find((item): item is OfferItem => item.kind === 'offer' && item.transferId === transferId);
  }

  offered(transferId: string): Promise<OfferItem> {
    return waitFor('an offer comes', DEADLINE_MS, () => this.offer(transferId));
  }

  async connect(room: string, node: Node = this.node): Promise<void> {
    this.node = node;
    const socket = io(node.url, {
      path: CONTROL_PATH,
      transports: ['websocket'],
      extraHeaders: { cookie: this.cookie },
      reconnection: false,
      forceNew: true,
    });
    this.#socket = socket;
    socket.on('inbox.changed', (inbox: Inbox) => this.inboxes.push(inbox));
    socket.on('transfer.recipients', ({ recipients }: { recipients: readonly Recipient[] }) =>
      this.recipientEvents.push({ atMs: performance.now(), recipients }),
    );
    socket.on('people.changed', (snapshot: PeopleSnapshot) => this.#sees(snapshot));
    this.#sees(await this.tell<PeopleSnapshot>('people.join', { room }));
    this.inboxes.push(await this.tell<Inbox>('inbox.read', {}));
  }

  /** Waits until this person is shown all of them. */
  async seesAll(others: readonly TestPerson[]): Promise<void> {
    await waitFor('people see each other', DEADLINE_MS, () => others.every(({ id }) => this.#seen.has(id)));
  }

  #sees({ people }: PeopleSnapshot): void {
    this.#seen = new Set(people.map(({ id }) => id));
  }

  disconnect(): void {
    this.#socket?.disconnect();
    this.#socket = null;
  }

  async tell<T>(event: string, payload: object): Promise<T> {
    const answer = (await this.socket.timeout(DEADLINE_MS).emitWithAck(event, payload)) as Acknowledged<T>;
    if (!answer.ok) throw new Error(`${event}: ${errorTypeOf(answer.problem)} ${answer.problem.detail}`);
    return answer.result;
  }

  /** A request with the session's cookie, as the page at `node` makes it. */
  async ask(method: string, path: string, value?: unknown, headers: Record<string, string> = {}): Promise<ApiAnswer> {
    const { url } = this.node;
    const answer = await fetch(url + path, {
      method,
      headers: {
        cookie: this.cookie,
        origin: url,
        ...(value === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(value === undefined ? {} : { body: JSON.stringify(value) }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const text = await answer.text();
    const body: unknown = text === '' ? null : JSON.parse(text);
    const type = answer.status >= 400 ? errorTypeOf(body as ProblemDetails) : undefined;
    return { status: answer.status, type, body, headers: answer.headers };
  }

  async open(request: Omit<OpenTransferRequest, 'kind'>, key?: string): Promise<OpenTransferResponse> {
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    const answer = await this.ask('POST', '/api/transfers', { kind: 'direct', ...request }, headers);
    if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as OpenTransferResponse;
  }

  async accept(transferId: string): Promise<OfferAccepted> {
    const answer = await this.ask('POST', `/api/offers/${transferId}/accept`);
    if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as OfferAccepted;
  }

  decline(transferId: string): Promise<ApiAnswer> {
    return this.ask('POST', `/api/offers/${transferId}/decline`);
  }

  /** A download as a browser makes it: with the cookie of the share's path. */
  get(path: string, grant: string, headers: Record<string, string> = {}, node: Node = this.node): Promise<Response> {
    return fetch(node.url + path, { headers: { cookie: `pl_grant=${grant}`, ...headers } });
  }
}

export interface ApiAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: unknown;
  readonly headers: Headers;
}

/** Somebody new, in a room. */
export async function personAt(node: Node, displayName: string, room: string): Promise<TestPerson> {
  const answer = await fetch(`${node.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ displayName }),
  });
  const { session } = (await answer.json()) as { session: { id: string } };
  const person = new TestPerson(node, session.id, answer.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '');
  await person.connect(room);
  return person;
}

/** A code for a room, by somebody who does not enter it. */
export async function newRoom(node: Node): Promise<string> {
  return roomOf(node, await newCookie(node));
}
