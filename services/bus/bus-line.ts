/** Called by a line; never before `open`. */
export interface LineHandlers {
  /** @param message the line's own buffer, the receiver's from now on */
  readonly onMessage: (channel: string, message: Buffer) => void;
  /** Messages flow again after they had not: what was said meanwhile is lost. */
  readonly onUp: () => void;
  readonly onDown: () => void;
}

/** A publish-and-subscribe server over connections that are kept, reused and renewed for as long as the process lives. */
export interface BusLine {
  /** `Redis` or `NATS`, for people. */
  readonly name: string;
  /** Subscribes to the channels, each once, now and after every reconnect; resolves when the server has taken them. */
  open(channels: readonly string[], handlers: LineHandlers): Promise<void>;
  /** True while messages can be sent and the subscriptions stand. */
  isUp(): boolean;
  /** Resolves when the server has the message. Rejects when the line is not up; nothing is kept for later. */
  publish(channel: string, message: Buffer): Promise<void>;
  /** Drops the connections and makes new ones: for a server that holds them and no longer answers. */
  renew(): void;
  close(): Promise<void>;
}

export interface OpenLine {
  readonly line: BusLine;
  /** Others than this machine reach the server, and it asks nobody for a password. */
  readonly isExposed: boolean;
  /** The longest message that the server takes, where it tells one. */
  readonly maxMessageBytes?: number;
}
