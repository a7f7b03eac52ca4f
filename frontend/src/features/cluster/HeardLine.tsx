import { useEffect, useState } from 'react';
import { useLanguage } from '../../messages/language.tsx';

/** Three answers that did not come. */
export const STALE_AFTER_MS = 3_500;

/** How long ago something was heard, counted on once a second. */
export function useSilence(heardAtMs: number | null): number | null {
  const [nowMs, setNowMs] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(performance.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return heardAtMs === null ? null : Math.max(0, nowMs - heardAtMs);
}

/** Whether what is shown is what is. The word that changes every second is not read out. */
export function HeardLine({ silenceMs }: { readonly silenceMs: number | null }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.heard;
  const isStale = silenceMs === null || silenceMs > STALE_AFTER_MS;
  const text = silenceMs === null ? words.never : isStale ? words.ago(format.duration(silenceMs)) : words.live;
  return (
    <p className={`tabular flex items-center gap-2 text-sm ${isStale ? 'text-amber-ink' : 'text-ink-soft'}`}>
      <span aria-hidden="true" className={`size-2 rounded-full ${isStale ? 'bg-amber' : 'bg-accent'}`} />
      {text}
    </p>
  );
}
