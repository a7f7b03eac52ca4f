/** Where the page's socket connects: its own origin, and in a cluster the next node when that is gone. */
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import { config } from '../config/env.ts';
import { addressesOf } from '../transfer-engine/node-book.ts';
import { isLeaving, OWN, rankAddresses } from '../transfer-engine/node-choice.ts';
import { api } from './api.ts';

/** A ticket lives 60 s and must be there when the origin that gives it is not. */
const TICKET_EVERY_MS = 40_000;
const TICKET_GOOD_FOR_MS = 55_000;

export class LivePlaces {
  current = OWN;
  #cluster: ClusterResponse | null = null;
  /** The page's policy lists the nodes of the moment when it was loaded, and allows no others. */
  #allowed: ReadonlySet<string> = new Set();
  #ticket = { text: '', atMs: Number.NEGATIVE_INFINITY };
  #timer: ReturnType<typeof setInterval> | null = null;
  /** Addresses tried since one answered. */
  #tries = 0;

  constructor() {
    if (!config.usesCluster) return;
    void api.cluster().then((answer) => {
      if (!answer.ok) return;
      this.#allowed = new Set(addressesOf(answer.value));
      this.learn(answer.value);
    });
  }

  learn(cluster: ClusterResponse): void {
    this.#cluster = cluster;
  }

  hasOthers(): boolean {
    return this.#addresses().length > 1;
  }

  isLeaving(): boolean {
    return this.hasOthers() && isLeaving(this.current, this.#knowledge());
  }

  /** Moves on; false when every address had as many tries as the configuration gives it. */
  next(): boolean {
    const addresses = this.#addresses();
    this.#tries += 1;
    if (addresses.length < 2 || this.#tries > config.socketReconnectionAttempts * addresses.length) {
      this.#tries = 0;
      return false;
    }
    const serving = addresses.filter((address) => !isLeaving(address, this.#knowledge()));
    const choice = serving.length > 0 ? serving : addresses;
    this.current = choice[(choice.indexOf(this.current) + 1) % choice.length] ?? OWN;
    return true;
  }

  beginAnew(): void {
    this.#tries = 0;
  }

  /** Connected: from here on a ticket is kept at hand. */
  arrived(): void {
    this.#tries = 0;
    if (!this.hasOthers() || this.#timer !== null) return;
    void this.#renew();
    this.#timer = setInterval(() => void this.#renew(), TICKET_EVERY_MS);
  }

  /** Nothing is followed any more. */
  rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#tries = 0;
    this.current = OWN;
  }

  /** What a handshake on another origin says: the ticket at hand, since the origin that gives them may be gone. */
  async auth(): Promise<{ readonly ticket?: string }> {
    const isGood = () => performance.now() - this.#ticket.atMs < TICKET_GOOD_FOR_MS;
    if (!isGood()) await this.#renew();
    return isGood() ? { ticket: this.#ticket.text } : {};
  }

  async #renew(): Promise<void> {
    const answer = await api.ticket();
    if (answer.ok) this.#ticket = { text: answer.value.ticket, atMs: performance.now() };
  }

  #addresses(): readonly string[] {
    return config.usesCluster ? rankAddresses(this.#knowledge()) : [OWN];
  }

  #knowledge() {
    const nodes = (this.#cluster?.nodes ?? []).map((node) =>
      node.publicUrl !== null && this.#allowed.has(node.publicUrl) ? node : { ...node, publicUrl: null },
    );
    const ownOrigin = config.socketUrl || window.location.origin;
    return { nodes, homeNodeId: null, ownOrigin, roundTripMs: new Map<string, number>(), seeds: [] };
  }
}
