/**
 * Which uploads other tabs of this browser are sending. Two tabs that send the same transfer would take each other's
 * chunks away, and a tab must not offer to go on with, or to delete, what its neighbour is busy with.
 */
const CHANNEL_NAME = 'peerlink.uploads';
/** A neighbour that does not answer within this is not there; one that is hidden answers as quickly. */
const ANSWER_WAIT_MS = 200;

type TabMessage = { readonly type: 'who' } | { readonly type: 'mine'; readonly transferIds: readonly string[] };

function ownChannel(): BroadcastChannel | null {
  return typeof BroadcastChannel === 'function' ? new BroadcastChannel(CHANNEL_NAME) : null;
}

export class UploadTabs {
  readonly #channel: BroadcastChannel | null;
  /** One for each question that is being asked. */
  readonly #answers = new Set<Set<string>>();

  /**
   * @param ownIds tells which uploads this tab is sending right now
   * @param onElsewhere is told, asked for or not, which ones another tab is sending
   */
  constructor(
    ownIds: () => readonly string[],
    onElsewhere: (transferIds: readonly string[]) => void,
    channel: BroadcastChannel | null = ownChannel(),
  ) {
    this.#channel = channel;
    this.#channel?.addEventListener('message', ({ data }: MessageEvent<TabMessage>) => {
      if (data.type === 'mine') {
        for (const found of this.#answers) for (const transferId of data.transferIds) found.add(transferId);
        onElsewhere(data.transferIds);
        return;
      }
      const transferIds = ownIds();
      if (transferIds.length > 0) this.#post({ type: 'mine', transferIds });
    });
  }

  /** This tab begins to send it: others that found it unfinished must not offer it any longer. */
  took(transferId: string): void {
    this.#post({ type: 'mine', transferIds: [transferId] });
  }

  /** Asks all tabs and waits a moment for their answers. */
  async busyElsewhere(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    if (!this.#channel) return found;
    this.#answers.add(found);
    this.#post({ type: 'who' });
    await new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS));
    this.#answers.delete(found);
    return found;
  }

  #post(message: TabMessage): void {
    this.#channel?.postMessage(message);
  }
}
