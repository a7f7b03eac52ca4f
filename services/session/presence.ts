import { MAX_PEOPLE_PER_NODE, MAX_PEOPLE_PER_ROOM } from '../contracts/limits.ts';
import type { Person } from '../contracts/person.ts';
import type { Clock } from '../kernel/clock.ts';
import type { NodePeople, PresenceBoard } from './ports.ts';
import { RoomIndex } from './room-index.ts';

/** How often what is said is prolonged, and what others say is looked at: changes are heard of sooner. */
export const PRESENCE_LOOK_EVERY_MS = 500;
/** What a node said outlives it by this much, so that it may think for two seconds without being taken for gone. */
const PRESENCE_TTL_MS = 2_500;
/** "Redis away: presence to what each node knows": what was heard of others is kept so long without an answer. */
const HEARD_KEPT_MS = 3_000;
/** Changes are gathered for this long, since a page that loads or a network that returns causes several at once. */
const COALESCED_MS = 50;
/** Writing out many people takes longer, so it is done less often: half a second more for 5,000. */
const COALESCED_MS_A_PERSON = 0.1;
/**
 * Who waits in a room uses the session, with nothing but a connection. A change of name is heard of at once; this finds the
 * one that was missed, and sessions that are over.
 */
const NAMES_EVERY_MS = 10_000;

export interface PresenceDeps {
  readonly nodeId: string;
  /** Different after each start of the process. */
  readonly runId: string;
  readonly board: PresenceBoard;
  readonly clock: Clock;
  /** The nodes that this one knows of, without itself. What anybody else says is not looked at. */
  readonly otherNodeIds: () => readonly string[];
  /** Tells the others that this node says something new. */
  readonly announce: () => void;
  readonly later: (delayMs: number, act: () => void) => void;
  /** These are in use. Names by session id; who is missing has no session any more. */
  readonly keep: (sessionIds: readonly string[]) => Promise<ReadonlyMap<string, string>>;
  readonly onFault: (fault: unknown) => void;
}

interface Connection {
  readonly sessionId: string;
  readonly room: string;
}
interface Heard {
  version: string;
  atMs: number;
  wasMissing: boolean;
}

/**
 * Who is online, in which room. Each node says who its own sockets are; everybody reads what the others say. What the
 * board forgets is said again, so nothing is lost that is not rebuilt in a second.
 */
export class Presence {
  readonly #deps: PresenceDeps;
  readonly #index = new RoomIndex();
  readonly #connections = new Map<string, Connection>();
  /** Connections per session and room: somebody in several tabs is there while any of them is. */
  readonly #tabs = new Map<string, number>();
  readonly #heard = new Map<string, Heard>();
  readonly #toLookAt = new Set<string>();
  #looking: Promise<void> | null = null;
  #saying: Promise<void> | null = null;
  #isScheduled = false;
  #isStopped = false;
  #changes = 0;
  #saidChanges = -1;
  #namesReadAtMs: number;
  #onChanged: (rooms: Iterable<string>) => void = () => undefined;

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
    this.#namesReadAtMs = deps.clock.monotonicMs();
  }

  /** Told which rooms look different, as soon as they do. */
  onChanged(listener: (rooms: Iterable<string>) => void): void {
    this.#onChanged = listener;
  }

  /** A connection of this node is in this room from now on, and in no other. Refused, it stays where it was. */
  enter(connectionId: string, person: Person, room: string): 'entered' | 'room_full' | 'node_full' {
    const before = this.#connections.get(connectionId);
    if (!this.#index.isIn(room, person.id) && this.#index.count(room) >= MAX_PEOPLE_PER_ROOM) return 'room_full';
    if (before === undefined && this.#connections.size >= MAX_PEOPLE_PER_NODE) return 'node_full';
    const changed = new Set<string>();
    if (before?.room !== room || before.sessionId !== person.id) {
      if (before !== undefined) this.#remove(connectionId, before, changed);
      this.#connections.set(connectionId, { sessionId: person.id, room });
      const key = tabKey(person.id, room);
      this.#tabs.set(key, (this.#tabs.get(key) ?? 0) + 1);
      const attendance = { sessionId: person.id, displayName: person.displayName, room };
      if (this.#index.put(this.#deps.nodeId, attendance, this.#nowMs())) changed.add(room);
      this.#changes += 1;
    }
    this.#tell(changed);
    this.rename(person.id, person.displayName);
    return 'entered';
  }

  leave(connectionId: string): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    const changed = new Set<string>();
    this.#remove(connectionId, connection, changed);
    this.#tell(changed);
  }

  /** A session that is over: its connections here are in no room any more. */
  forget(sessionId: string): void {
    for (const [id, connection] of this.#connections) if (connection.sessionId === sessionId) this.leave(id);
  }

  rename(sessionId: string, displayName: string): void {
    const { changed, corrected } = this.#index.rename(sessionId, displayName);
    if (corrected.has(this.#deps.nodeId)) this.#changes += 1;
    this.#tell(changed);
  }

  people(room: string): readonly Person[] {
    return this.#index.people(room);
  }

  isUsed(room: string): boolean {
    return this.#index.count(room) > 0;
  }

  /** This session is in this room, or was a moment ago. */
  wasIn(room: string, sessionId: string): boolean {
    return this.#index.wasIn(room, sessionId, this.#nowMs());
  }

  /** Of the others, who shares a room with this session or did a moment ago. */
  roommates(sessionId: string, others: readonly string[]): readonly Person[] {
    return this.#index.roommates(sessionId, others, this.#nowMs());
  }

  /** People who are here by a socket of this node. */
  countHere(): number {
    return new Set([...this.#connections.values()].map(({ sessionId }) => sessionId)).size;
  }

  /** Another node says something new. */
  hear(nodeId: string): void {
    if (this.#deps.otherNodeIds().includes(nodeId)) this.#look([nodeId]).catch(this.#deps.onFault);
  }

  /** To be called every PRESENCE_LOOK_EVERY_MS. Never throws: what fails now is done the next time. */
  async turn(): Promise<void> {
    const nowMs = this.#nowMs();
    this.#index.sweep(nowMs);
    const known = this.#deps.otherNodeIds();
    const quietly = (work: Promise<void>) => work.catch(this.#deps.onFault);
    await Promise.all([quietly(this.#keepSaid()), quietly(this.#look(known)), quietly(this.#keepSessions(nowMs))]);
    for (const [nodeId, { atMs }] of this.#heard) {
      if (!known.includes(nodeId) || this.#nowMs() - atMs > HEARD_KEPT_MS) this.#drop(nodeId);
    }
  }

  /** This node's people are gone for everybody, from now on. */
  async stop(): Promise<void> {
    for (const id of [...this.#connections.keys()]) this.leave(id);
    await this.#saying?.catch(() => undefined);
    await this.#say().catch(this.#deps.onFault);
    this.#isStopped = true;
  }

  #remove(connectionId: string, { sessionId, room }: Connection, changed: Set<string>): void {
    this.#connections.delete(connectionId);
    const key = tabKey(sessionId, room);
    const left = (this.#tabs.get(key) ?? 1) - 1;
    if (left > 0) {
      this.#tabs.set(key, left);
      return;
    }
    this.#tabs.delete(key);
    if (this.#index.remove(this.#deps.nodeId, sessionId, room, this.#nowMs())) changed.add(room);
    this.#changes += 1;
  }

  #tell(rooms: ReadonlySet<string> | readonly string[]): void {
    if (this.#changes !== this.#saidChanges) this.#schedule();
    if ([...rooms].length > 0) this.#onChanged(rooms);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#deps.later(COALESCED_MS + this.#connections.size * COALESCED_MS_A_PERSON, () => {
      this.#isScheduled = false;
      if (!this.#isStopped) this.#say().catch(this.#deps.onFault);
    });
  }

  #say(): Promise<void> {
    this.#saying ??= this.#sayOnce().finally(() => {
      this.#saying = null;
      if (this.#changes !== this.#saidChanges) this.#schedule();
    });
    return this.#saying;
  }

  async #sayOnce(): Promise<void> {
    const { nodeId, runId, board, announce } = this.#deps;
    const changes = this.#changes;
    if (changes === this.#saidChanges) return;
    const version = `${runId}-${changes.toString(36)}`;
    await board.write(nodeId, { version, people: this.#index.said(nodeId) }, PRESENCE_TTL_MS);
    this.#saidChanges = changes;
    announce();
  }

  async #keepSaid(): Promise<void> {
    if (this.#changes === this.#saidChanges && !(await this.#deps.board.renew(this.#deps.nodeId, PRESENCE_TTL_MS))) {
      this.#saidChanges = -1;
    }
    await this.#say();
  }

  /** One reading at a time: what is asked for meanwhile is read next. */
  #look(nodeIds: readonly string[]): Promise<void> {
    for (const nodeId of nodeIds) this.#toLookAt.add(nodeId);
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    while (this.#toLookAt.size > 0) {
      const asked = [...this.#toLookAt].map((nodeId) => ({
        nodeId,
        version: this.#heard.get(nodeId)?.version ?? null,
      }));
      this.#toLookAt.clear();
      const found = await this.#deps.board.read(asked);
      for (const { nodeId } of asked) this.#learn(nodeId, found.get(nodeId) ?? null);
    }
  }

  #learn(nodeId: string, said: NodePeople | 'same' | null): void {
    const known = this.#heard.get(nodeId);
    if (said === null) {
      // Redis may have been emptied a moment ago: a node that is alive has said it again by the next time.
      if (known?.wasMissing) this.#drop(nodeId);
      else if (known !== undefined) known.wasMissing = true;
      return;
    }
    const nowMs = this.#nowMs();
    if (said === 'same') {
      if (known !== undefined) Object.assign(known, { atMs: nowMs, wasMissing: false });
      return;
    }
    this.#heard.set(nodeId, { version: said.version, atMs: nowMs, wasMissing: false });
    this.#tell(this.#index.replace(nodeId, said.people.slice(0, MAX_PEOPLE_PER_NODE), nowMs));
  }

  #drop(nodeId: string): void {
    this.#heard.delete(nodeId);
    this.#tell(this.#index.replace(nodeId, [], this.#nowMs()));
  }

  async #keepSessions(nowMs: number): Promise<void> {
    if (nowMs - this.#namesReadAtMs < NAMES_EVERY_MS || this.#connections.size === 0) return;
    this.#namesReadAtMs = nowMs;
    const asked = new Set([...this.#connections.values()].map(({ sessionId }) => sessionId));
    const names = await this.#deps.keep([...asked]);
    for (const sessionId of asked) {
      const name = names.get(sessionId);
      if (name === undefined) this.forget(sessionId);
      else this.rename(sessionId, name);
    }
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }
}

const tabKey = (sessionId: string, room: string): string => `${sessionId} ${room}`;
