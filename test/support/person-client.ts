import { io, type Socket } from 'socket.io-client';
import type { PeopleSnapshot } from '../../services/contracts/people.ts';
import { type Acknowledged, CONTROL_PATH } from '../../services/contracts/socket.ts';
import { atEnd } from './cleanup.ts';
import type { TestServer } from './server.ts';

/** Far above what an answer takes: a flood of them on a busy machine is slow. */
const ANSWER_DEADLINE_MS = 30_000;

/** Somebody with a session and an open page, as a browser on our own origin. */
export interface PersonClient {
  readonly id: string;
  readonly cookie: string;
  readonly socket: Socket;
  /** Every `people.changed`, oldest first, with when it came (performance.now()). */
  readonly told: { readonly atMs: number; readonly snapshot: PeopleSnapshot }[];
  join(room: string | null): Promise<Acknowledged<PeopleSnapshot>>;
  /** Ids of the others in the room, as this page saw it last, sorted. */
  others(): readonly string[];
  close(): void;
}

export interface PersonOptions {
  /** Of an earlier client: the same session in another tab or at another node. */
  readonly cookie?: string;
  /** As a trusted proxy forwards it. */
  readonly address?: string;
}

type Node = Pick<TestServer, 'url'>;
const deadline = () => AbortSignal.timeout(ANSWER_DEADLINE_MS);

export async function newCookie({ url }: Node): Promise<string> {
  const answer = await fetch(`${url}/api/session`, { method: 'POST', headers: { origin: url }, signal: deadline() });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

/** Opens a page at this node; it is in no room yet. Closed when the tests of the file end. */
export async function openPage(node: Node, options: PersonOptions = {}): Promise<PersonClient> {
  const cookie = options.cookie ?? (await newCookie(node));
  const forwarded = options.address === undefined ? {} : { 'x-forwarded-for': options.address };
  const answer = await fetch(`${node.url}/api/session`, { headers: { cookie }, signal: deadline() });
  const { session } = (await answer.json()) as { session: { id: string } };
  const socket = io(node.url, {
    path: CONTROL_PATH,
    transports: ['websocket'],
    extraHeaders: { cookie, ...forwarded },
    forceNew: true,
    reconnection: false,
  });
  atEnd(() => void socket.disconnect());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  const told: PersonClient['told'] = [];
  let last: PeopleSnapshot | null = null;
  socket.on('people.changed', (snapshot: PeopleSnapshot) => {
    last = snapshot;
    told.push({ atMs: performance.now(), snapshot });
  });
  return {
    id: session.id,
    cookie,
    socket,
    told,
    join: async (room) => {
      const joined: Acknowledged<PeopleSnapshot> = await socket
        .timeout(ANSWER_DEADLINE_MS)
        .emitWithAck('people.join', { room });
      if (joined.ok) last = joined.result;
      return joined;
    },
    others: () => (last?.people ?? []).map(({ id }) => id).sort(),
    close: () => void socket.disconnect(),
  };
}

/** A page whose person is in this room. */
export async function comeIn(node: Node, room: string | null, options: PersonOptions = {}): Promise<PersonClient> {
  const page = await openPage(node, options);
  const joined = await page.join(room);
  if (!joined.ok) throw new Error(`not in the room: ${JSON.stringify(joined.problem)}`);
  return page;
}

export function rename(node: Node, cookie: string, displayName: string): Promise<Response> {
  return fetch(`${node.url}/api/session`, {
    method: 'PATCH',
    headers: { cookie, origin: node.url, 'content-type': 'application/json' },
    body: JSON.stringify({ displayName }),
    signal: deadline(),
  });
}

/** The code of a room of one's own. */
export async function newRoom(node: Node, cookie: string): Promise<string> {
  const answer = await fetch(`${node.url}/api/rooms`, {
    method: 'POST',
    headers: { cookie, origin: node.url },
    signal: deadline(),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { code: string }).code;
}
