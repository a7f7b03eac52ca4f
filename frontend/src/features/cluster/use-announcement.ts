import { useEffect, useRef, useState } from 'react';
import type { OperatorEvent } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { isReadOut, sentenceOf } from './event-words.ts';

/** A cluster in trouble has much to tell: at most one sentence in this time. */
const QUIET_MS = 8_000;

/** What a screen reader is told of new events: what matters, gathered, and nothing of what was there at the start. */
export function useAnnouncement(events: readonly OperatorEvent[]): string {
  const { messages, format } = useLanguage();
  const [said, setSaid] = useState('');
  const [heard, setHeard] = useState<ReadonlySet<string> | null>(null);
  const [waiting, setWaiting] = useState<readonly OperatorEvent[]>([]);
  const lastSaidMs = useRef(Number.NEGATIVE_INFINITY);

  const fresh = heard === null ? [] : events.filter((event) => !heard.has(event.id));
  if (heard === null ? events.length > 0 : fresh.length > 0) {
    setHeard(new Set(events.map((event) => event.id)));
    const telling = fresh.filter(isReadOut);
    if (telling.length > 0) setWaiting([...telling, ...waiting]);
  }
  useEffect(() => {
    const [latest] = waiting;
    if (!latest) return;
    const timer = setTimeout(
      () => {
        lastSaidMs.current = performance.now();
        const sentence = sentenceOf(latest, messages);
        setSaid(
          waiting.length === 1
            ? sentence
            : messages.cluster.events.announceMany(format.count(waiting.length), sentence),
        );
        setWaiting([]);
      },
      Math.max(0, lastSaidMs.current + QUIET_MS - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [waiting, messages, format]);
  return said;
}
