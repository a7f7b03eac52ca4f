/**
 * The right to read a share that has a password. On the backend's own origin a cookie carries it to the downloads.
 * Another origin gets none, be it the page's or that of a node that a download goes on through: there the address carries
 * a right of its own, which lives five minutes and is made anew with the password for as long as it is needed. Pure: server
 * and storage come in through ports.
 */
import type { GrantResponse } from '../../../../services/contracts/http.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import type { Answered } from '../../transfer-engine/transport.ts';

export interface ShareRightPorts {
  readonly ask: (password: string) => Promise<Answered<GrantResponse>>;
  /** Of the tab, so that a reload does not ask again. Null where nothing is kept. */
  readonly kept: () => string | null;
  readonly keep: (grant: string) => void;
  /** The page has another origin than the backend. */
  readonly isElsewhere: boolean;
}

const PASSWORD_NEEDED: Fault = { kind: 'problem', type: 'password_required', retryAfterMs: null };

export class ShareRight {
  readonly #ports: ShareRightPorts;
  #granted: GrantResponse | null = null;
  /** In this page's memory only, never kept. */
  #password: string | null = null;

  constructor(ports: ShareRightPorts) {
    this.#ports = ports;
  }

  /** For a header. What was kept is no use elsewhere: it tells the names, and downloads nothing. */
  get grant(): string | null {
    return this.#granted?.grant ?? (this.#ports.isElsewhere ? null : this.#ports.kept());
  }

  /** For the address of a download; null where a cookie carries the right, and for a share that needs none. */
  get addressGrant(): string | null {
    return this.#ports.isElsewhere ? (this.#granted?.addressGrant ?? null) : null;
  }

  /** For the address of a download at another node; null where the password is not known any more, or there is none. */
  get nodeGrant(): string | null {
    return this.#granted?.addressGrant ?? null;
  }

  /** Null: the password is right. */
  async unlock(password: string): Promise<Fault | null> {
    const answer = await this.#ports.ask(password);
    if (!answer.ok) return answer.fault;
    this.#granted = answer.value;
    this.#password = password;
    if (!this.#ports.isElsewhere) this.#ports.keep(answer.value.grant);
    return null;
  }

  /** Makes the address's right anew. Null: there is a new one. */
  async renew(): Promise<Fault | null> {
    return this.#password === null ? PASSWORD_NEEDED : await this.unlock(this.#password);
  }
}
