import { useEffect, useRef } from 'react';
import { FilePicker } from '../../components/FilePicker.tsx';
import { DigestRuler, NO_DIGEST } from '../../components/strip/DigestRuler.tsx';
import type { CollectedFile } from '../../lib/file-list.ts';
import { useLanguage } from '../../messages/language.tsx';

const CELL_COUNT = 64;
/** How far from the pointer the waiting cells light up, in cells. */
const GLOW_CELLS = 9;

export function Hero({
  isDragging,
  onPick,
}: {
  readonly isDragging: boolean;
  readonly onPick: (files: readonly CollectedFile[]) => void;
}) {
  const { messages } = useLanguage();
  const [first, second] = messages.send.headline;
  return (
    <section className="flex min-h-[calc(100svh-140px)] flex-col justify-center gap-12 pt-8 pb-4 sm:gap-16">
      <div className="flex flex-col items-start gap-6">
        <h1 className="text-4xl font-semibold tracking-[-0.035em] text-balance sm:text-5xl lg:text-6xl">
          {/* A finger drops nothing. */}
          <span className="pointer-coarse:hidden">{first}</span>
          <span className="hidden pointer-coarse:inline">{messages.send.headlineTouch}</span>
          <br />
          {second}
        </h1>
        <p className="max-w-[46ch] text-lg text-pretty text-ink-soft">{messages.send.lead}</p>
        <div className="flex w-full flex-col gap-x-6 gap-y-3 pt-2 sm:w-auto sm:flex-row sm:items-center">
          <FilePicker
            label={messages.send.choose}
            variant="primary"
            size="lg"
            className="w-full sm:w-auto"
            onPick={onPick}
          />
          <div className="flex flex-wrap items-center justify-center gap-x-2 text-ink-soft">
            <FilePicker
              label={messages.send.chooseFolder}
              picksFolder
              variant="quiet"
              className="px-2!"
              onPick={onPick}
            />
            <span className="max-sm:hidden">{messages.send.pasteHint}</span>
          </div>
        </div>
      </div>
      <IdleStrip isDragging={isDragging} />
    </section>
  );
}

/**
 * The strip before there is anything in it: sixty-four places, and under them those of the digest. While something
 * is dragged over the page, the places near the pointer light up: this is where it will land.
 */
function IdleStrip({ isDragging }: { readonly isDragging: boolean }) {
  const { messages } = useLanguage();
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = row.current;
    if (!element) return;
    const glow = (pointerX: number | null) => {
      const box = element.getBoundingClientRect();
      const isMirrored = getComputedStyle(element).direction === 'rtl';
      const fromStart = pointerX === null ? Number.NaN : isMirrored ? box.right - pointerX : pointerX - box.left;
      const at = (fromStart / box.width) * CELL_COUNT - 0.5;
      Array.from(element.children).forEach((cell, index) => {
        const light = cell.firstElementChild;
        const distance = Math.abs(index - at);
        const strength = Number.isNaN(at) ? 0 : Math.max(0, 1 - distance / GLOW_CELLS) ** 2;
        if (light instanceof HTMLElement) light.style.opacity = String(strength);
      });
    };
    if (!isDragging) {
      glow(null);
      return;
    }
    const follow = (event: DragEvent) => glow(event.clientX);
    window.addEventListener('dragover', follow);
    return () => window.removeEventListener('dragover', follow);
  }, [isDragging]);
  return (
    <div aria-hidden="true">
      <div ref={row} className="flex h-14 gap-px sm:h-20 sm:gap-[3px]">
        {Array.from({ length: CELL_COUNT }, (_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a place has nothing but its number
          <div key={index} className="flex-1 bg-cell">
            <div className="size-full bg-accent opacity-0 transition-opacity duration-150 ease-out" />
          </div>
        ))}
      </div>
      <DigestRuler digest={NO_DIGEST} className="mt-3 text-ink-soft" />
      <p className="mt-1 text-xs text-ink-soft">{messages.send.emptyDigest}</p>
    </div>
  );
}
