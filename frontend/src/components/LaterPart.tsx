import { type ReactNode, useEffect, useState } from 'react';
import type { Later } from '../lib/later.ts';
import { useLanguage } from '../messages/language.tsx';
import { Button } from './ui/Button.tsx';
import { Notice } from './ui/Notice.tsx';

const QUIET_RETRY_MS = 15_000;

/**
 * Shows a part once it is loaded. Where it does not load, that is said in its place, and all around it stays as it is;
 * one that nobody asked for is tried again without a word.
 */
export function LaterPart<T>({
  part,
  isQuiet = false,
  children,
}: {
  readonly part: Later<T>;
  readonly isQuiet?: boolean;
  readonly children: (loaded: T) => ReactNode;
}) {
  const { messages } = useLanguage();
  const [state, setState] = useState(() => ({ loaded: part.read(), isMissing: false, tries: 0 }));
  const { loaded, isMissing, tries } = state;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each try loads once more.
  useEffect(() => {
    let isGone = false;
    void part.load().then((now) => {
      if (!isGone) setState((before) => ({ ...before, loaded: now, isMissing: now === null }));
    });
    return () => {
      isGone = true;
    };
  }, [part, tries]);
  const tryAgain = () => setState((before) => ({ ...before, isMissing: false, tries: before.tries + 1 }));
  // biome-ignore lint/correctness/useExhaustiveDependencies: being drawn again must not put the next try off.
  useEffect(() => {
    if (!isMissing || !isQuiet) return;
    const timer = setTimeout(tryAgain, QUIET_RETRY_MS);
    return () => clearTimeout(timer);
  }, [isMissing, isQuiet]);
  if (loaded !== null) return children(loaded);
  if (!isMissing || isQuiet) return null;
  return (
    <div className="basis-full">
      <Notice
        tone="loss"
        title={messages.crash.chunkTitle}
        action={<Button onClick={tryAgain}>{messages.upload.tryAgain}</Button>}
      >
        {messages.crash.partText}
      </Notice>
    </div>
  );
}

/** Loads a part ahead: the line may break before it is asked for. */
export function usePartAtHand(part: Later<unknown>): void {
  useEffect(() => void part.load(), [part]);
}
