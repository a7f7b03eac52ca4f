import { ByteQueue } from './byte-queue.ts';
import { decodeFrameHeader, FRAME_HEADER_BYTES, type FrameHeader } from './replica-wire.ts';

/** A frame as it came; a pulse has no bytes. */
export interface WholeFrame {
  readonly header: FrameHeader;
  /** Views of what was fed, as long as the header said. */
  readonly bytes: readonly Buffer[];
}

/** Cuts a session's bytes into frames, free of sockets. Its memory is what was fed of one frame. */
export class FrameReader {
  readonly #queue = new ByteQueue();
  readonly #key: Uint8Array;
  #header: FrameHeader | null = null;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Bytes of a frame that is not whole yet, its header aside. */
  get pendingBytes(): number {
    return this.#header === null ? 0 : this.#queue.lengthBytes;
  }

  /** The frames that these bytes complete, or null: what came is no frame of this session, nor can anything after it be. */
  push(bytes: Buffer): WholeFrame[] | null {
    this.#queue.push(bytes);
    const frames: WholeFrame[] = [];
    for (;;) {
      if (this.#header === null) {
        const head = this.#queue.take(FRAME_HEADER_BYTES);
        if (head === null) {
          this.#keepRest();
          return frames;
        }
        this.#header = decodeFrameHeader(head, this.#key);
        if (this.#header === null) return null;
      }
      const { lengthBytes } = this.#header;
      const list = lengthBytes === 0 ? [] : this.#queue.takeList(lengthBytes);
      if (list === null) return frames;
      frames.push({ header: this.#header, bytes: list });
      this.#header = null;
    }
  }

  /** Part of a header is copied: the buffer it came in may be given back together with the frame before it. */
  #keepRest(): void {
    const rest = this.#queue.takeList(this.#queue.lengthBytes);
    if (rest !== null && rest.length > 0) this.#queue.push(Buffer.concat(rest));
  }
}
