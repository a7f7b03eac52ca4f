import type { Person } from '../contracts/person.ts';

/** Somebody in a room, as one node says it. A session in several rooms has several. */
export interface Attendance {
  readonly sessionId: string;
  readonly displayName: string;
  /** Key of the room: it never leaves the servers. */
  readonly room: string;
}

/** A phone that changes its network is back by then, and is not refused meanwhile. */
export const RECENTLY_MS = 10_000;
/** Departures that are remembered at once, about 200 bytes each; the oldest are forgotten first. */
const MAX_DEPARTURES = 20_000;

interface Member {
  /** What each node that has sockets of theirs in this room calls them. */
  readonly names: Map<string, string>;
  displayName: string;
  enteredAtMs: number;
  /** null: here. */
  leftAtMs: number | null;
}
interface Room {
  readonly members: Map<string, Member>;
  hereCount: number;
}

/**
 * Who is in which room, by what each node says of its own sockets, and who was a moment ago. Asking about a room costs
 * what that room holds, however many there are. Times are milliseconds of a monotonic clock.
 */
export class RoomIndex {
  readonly #rooms = new Map<string, Room>();
  readonly #roomsOf = new Map<string, Set<string>>();
  readonly #said = new Map<string, Map<string, Attendance>>();
  /** In the order of time. */
  #departures: { readonly sessionId: string; readonly room: string; readonly leftAtMs: number }[] = [];

  /** Everything that this node says from now on. @returns the rooms that look different now */
  replace(nodeId: string, attendances: readonly Attendance[], nowMs: number): ReadonlySet<string> {
    const changed = new Set<string>();
    const wanted = new Map(attendances.map((attendance) => [keyOf(attendance), attendance]));
    for (const [key, { sessionId, room }] of this.#said.get(nodeId) ?? []) {
      if (!wanted.has(key) && this.remove(nodeId, sessionId, room, nowMs)) changed.add(room);
    }
    for (const attendance of wanted.values()) {
      if (this.put(nodeId, attendance, nowMs)) changed.add(attendance.room);
    }
    return changed;
  }

  /** @returns whether the room looks different now */
  put(nodeId: string, attendance: Attendance, nowMs: number): boolean {
    const { sessionId, room: key, displayName } = attendance;
    const said = entryOf(this.#said, nodeId, () => new Map<string, Attendance>());
    said.set(keyOf(attendance), attendance);
    const room = entryOf(this.#rooms, key, () => ({ members: new Map<string, Member>(), hereCount: 0 }));
    const known = room.members.get(sessionId);
    if (known === undefined) {
      const names = new Map([[nodeId, displayName]]);
      room.members.set(sessionId, { names, displayName, enteredAtMs: nowMs, leftAtMs: null });
      room.hereCount += 1;
      entryOf(this.#roomsOf, sessionId, () => new Set<string>()).add(key);
      return true;
    }
    const wasHere = known.leftAtMs === null;
    const nameBefore = known.displayName;
    known.names.set(nodeId, displayName);
    known.displayName = nameOf(known);
    if (!wasHere) {
      // Who was away for a moment only was here all the time; who was away longer comes anew.
      if (nowMs - (known.leftAtMs ?? 0) > RECENTLY_MS) known.enteredAtMs = nowMs;
      known.leftAtMs = null;
      room.hereCount += 1;
    }
    return !wasHere || known.displayName !== nameBefore;
  }

  /** @returns whether the room looks different now */
  remove(nodeId: string, sessionId: string, key: string, nowMs: number): boolean {
    const said = this.#said.get(nodeId);
    if (said?.delete(keyOf({ sessionId, room: key })) && said.size === 0) this.#said.delete(nodeId);
    const room = this.#rooms.get(key);
    const member = room?.members.get(sessionId);
    if (room === undefined || member === undefined || !member.names.delete(nodeId)) return false;
    if (member.names.size > 0) {
      const nameBefore = member.displayName;
      member.displayName = nameOf(member);
      return member.displayName !== nameBefore;
    }
    member.leftAtMs = nowMs;
    room.hereCount -= 1;
    this.#departures.push({ sessionId, room: key, leftAtMs: nowMs });
    if (this.#departures.length > MAX_DEPARTURES * 2) this.#forget(nowMs, MAX_DEPARTURES);
    return true;
  }

  /** Has another name now, whoever says it. @returns the rooms that look different now, and who said another one */
  rename(sessionId: string, displayName: string): { changed: readonly string[]; corrected: ReadonlySet<string> } {
    const changed: string[] = [];
    const corrected = new Set<string>();
    for (const room of this.#roomsOf.get(sessionId) ?? []) {
      const member = this.#rooms.get(room)?.members.get(sessionId);
      if (member === undefined) continue;
      for (const [nodeId, name] of member.names) {
        if (name === displayName) continue;
        corrected.add(nodeId);
        member.names.set(nodeId, displayName);
        this.#said.get(nodeId)?.set(keyOf({ sessionId, room }), { sessionId, displayName, room });
      }
      if (member.displayName === displayName) continue;
      member.displayName = displayName;
      if (member.leftAtMs === null) changed.push(room);
    }
    return { changed, corrected };
  }

  /** Who is in the room, in no order. */
  people(room: string): readonly Person[] {
    const people: Person[] = [];
    for (const [id, { displayName, leftAtMs }] of this.#rooms.get(room)?.members ?? []) {
      if (leftAtMs === null) people.push({ id, displayName });
    }
    return people;
  }

  count(room: string): number {
    return this.#rooms.get(room)?.hereCount ?? 0;
  }

  isIn(room: string, sessionId: string): boolean {
    return this.#rooms.get(room)?.members.get(sessionId)?.leftAtMs === null;
  }

  /** Is there, or was within the last RECENTLY_MS. */
  wasIn(room: string, sessionId: string, nowMs: number): boolean {
    const member = this.#rooms.get(room)?.members.get(sessionId);
    return member !== undefined && nowMs - (member.leftAtMs ?? nowMs) <= RECENTLY_MS;
  }

  /** Which of the others are in a room together with this session, or were within the last RECENTLY_MS. */
  roommates(sessionId: string, others: readonly string[], nowMs: number): readonly Person[] {
    const rooms = [...(this.#roomsOf.get(sessionId) ?? [])].map((key) => this.#rooms.get(key)?.members);
    return [...new Set(others)].flatMap((id) => {
      if (id === sessionId) return [];
      for (const members of rooms) {
        const [own, other] = [members?.get(sessionId), members?.get(id)];
        if (own !== undefined && other !== undefined && wereTogether(own, other, nowMs)) {
          return [{ id, displayName: other.displayName }];
        }
      }
      return [];
    });
  }

  /** What was said of a node's own sockets. */
  said(nodeId: string): readonly Attendance[] {
    return [...(this.#said.get(nodeId)?.values() ?? [])];
  }

  /** Forgets whose departure is longer ago than anybody asks for. */
  sweep(nowMs: number): void {
    this.#forget(nowMs, MAX_DEPARTURES);
  }

  #forget(nowMs: number, maxKept: number): void {
    const departures = this.#departures;
    let over = Math.max(0, departures.length - maxKept);
    while (over < departures.length && nowMs - (departures[over]?.leftAtMs ?? nowMs) > RECENTLY_MS) over += 1;
    for (const { sessionId, room: key, leftAtMs } of departures.slice(0, over)) {
      const room = this.#rooms.get(key);
      // Who came back, and perhaps left again since, has a departure further behind or none.
      if (room === undefined || room.members.get(sessionId)?.leftAtMs !== leftAtMs) continue;
      room.members.delete(sessionId);
      if (room.members.size === 0) this.#rooms.delete(key);
      const own = this.#roomsOf.get(sessionId);
      own?.delete(key);
      if (own?.size === 0) this.#roomsOf.delete(sessionId);
    }
    this.#departures = departures.slice(over);
  }
}

const keyOf = ({ sessionId, room }: Pick<Attendance, 'sessionId' | 'room'>): string => `${sessionId} ${room}`;

/** Nodes may differ for a moment after a change of name: all of them then show the same one. */
function nameOf({ names, displayName }: Member): string {
  let first: string | undefined;
  for (const nodeId of names.keys()) if (first === undefined || nodeId < first) first = nodeId;
  return first === undefined ? displayName : (names.get(first) ?? displayName);
}

function wereTogether(a: Member, b: Member, nowMs: number): boolean {
  const endOf = ({ leftAtMs }: Member) => leftAtMs ?? nowMs;
  const end = Math.min(endOf(a), endOf(b));
  return nowMs - end <= RECENTLY_MS && Math.max(a.enteredAtMs, b.enteredAtMs) <= end;
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
