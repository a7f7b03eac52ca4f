/**
 * Which uploads other tabs of this browser are sending. Two tabs that send the same transfer would take each other's
 * chunks away, and a tab must not offer to go on with what its neighbour is busy with.
 */
const CHANNEL_NAME = 'peerlink.uploads';
/** A neighbour that does not answer within this is not there; one that is hidden answers as quickly. */
const ANSWER_WAIT_MS = 200;

type TabMessage = { readonly type: 'who' } | { readonly type: 'mine'; readonly transferIds: readonly string[] };

export class UploadTabs {
  readonly #channel: BroadcastChannel | null;
  readonly #elsewhere = new Set<string>();

  /** `ownIds` tells which uploads this tab is sending right now. */
  constructor(ownIds: () => readonly string[]) {
    this.#channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel(CHANNEL_NAME) : null;
    this.#channel?.addEventListener('message', ({ data }: MessageEvent<TabMessage>) => {
      if (data.type === 'mine') {
        for (const transferId of data.transferIds) this.#elsewhere.add(transferId);
        return;
      }
      const transferIds = ownIds();
      if (transferIds.length > 0) this.#post({ type: 'mine', transferIds });
    });
  }

  /** Asks all tabs and waits a moment for their answers. */
  async busyElsewhere(): Promise<ReadonlySet<string>> {
    if (!this.#channel) return new Set();
    this.#elsewhere.clear();
    this.#post({ type: 'who' });
    await new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS));
    return new Set(this.#elsewhere);
  }

  #post(message: TabMessage): void {
    this.#channel?.postMessage(message);
  }
}
