import type { LeftOut } from '../lib/collect-files.ts';
import { useLanguage } from '../messages/language.tsx';
import { Notice } from './ui/Notice.tsx';

/** What a drop had that is not sent, or that it had nothing: a drop that nobody answers looks as if it had been missed. */
export function LeftOutNotice({ unreadableCount, isEmpty }: LeftOut) {
  const { messages, format } = useLanguage();
  if (isEmpty) {
    return (
      <Notice tone="news" title={messages.send.emptyDrop}>
        {messages.send.emptyDropAdvice}
      </Notice>
    );
  }
  if (unreadableCount === 0) return null;
  return <Notice tone="loss" title={messages.send.unreadable(unreadableCount, format.count(unreadableCount))} />;
}
