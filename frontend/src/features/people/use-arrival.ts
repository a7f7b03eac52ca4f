import { useEffect, useRef, useState } from 'react';
import type { ShareResponse } from '../../../../services/contracts/http.ts';
import type { OfferAccepted, OfferItem } from '../../../../services/contracts/people.ts';
import { api } from '../../lib/api.ts';
import { cellsWithReader } from '../../lib/chunk-cells.ts';
import { live } from '../../lib/live.ts';
import { type LiveStrip, leadingBytes, Meanwhile, markCommitted, stripOf } from '../../lib/share-strip.ts';

interface Loaded {
  readonly answer: ShareResponse;
  readonly strip: LiveStrip;
}
export interface ArrivalStrip {
  readonly cells: Uint8Array;
  readonly revision: number;
  /** What the server has from the beginning on, without a gap: of it, what is not on this device is on the way. */
  readonly readyBytes: number;
}

/** The strip of what comes in: bare what was not sent, coloured what is on the way, ink what is on this device. */
export function useArrivalStrip(
  item: OfferItem,
  accepted: OfferAccepted | null,
  bytesHere: number,
): ArrivalStrip | null {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const revision = useRef(0);
  const isOver = item.transferState === 'ended';
  const shareId = accepted?.shareId ?? null;
  const grant = accepted?.grant ?? null;
  useEffect(() => {
    if (shareId === null || grant === null || isOver) return;
    let isGone = false;
    const meanwhile = new Meanwhile();
    const load = async () => {
      const heard = meanwhile.listen();
      const answer = await api.share(shareId, grant);
      const marks = heard();
      if (isGone || !answer.ok || answer.value.passwordRequired) return;
      setLoaded({ answer: answer.value, strip: stripOf(answer.value, ++revision.current, marks) });
    };
    const unwatch = live.watch(
      { shareId, grant },
      {
        snapshot: () => void load(),
        state: ({ state }) => {
          if (state !== 'ended') void load();
        },
        progress: ({ committed }) => {
          meanwhile.heard(committed);
          setLoaded((before) => {
            if (!before) return before;
            const { cells, committedBytes } = before.strip;
            const bytes = markCommitted(before.answer, cells, committed);
            return {
              ...before,
              strip: { cells, revision: ++revision.current, committedBytes: committedBytes + bytes },
            };
          });
        },
      },
    );
    return () => {
      isGone = true;
      unwatch();
    };
  }, [shareId, grant, isOver]);
  if (!loaded) return null;
  const files = loaded.answer.files.map(({ sizeBytes, chunkSizeBytes, chunkCount, committedChunkCount }) => ({
    sizeBytes,
    chunkSizeBytes,
    chunkCount: chunkCount ?? committedChunkCount + 1,
  }));
  const cells = cellsWithReader(loaded.strip.cells, files, bytesHere);
  return { cells, revision: loaded.strip.revision, readyBytes: leadingBytes(loaded.answer, loaded.strip.cells) };
}
