import { Link } from '../../components/Link.tsx';
import { Button, buttonClass } from '../../components/ui/Button.tsx';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { serverClock } from '../../transfer-engine/server-clock.ts';
import { GONE_WORDS, type GoneReason } from './gone-reason.ts';

export function GonePage({
  reason,
  fault,
  onRetry,
}: {
  readonly reason: GoneReason | null;
  readonly fault: Fault | null;
  readonly onRetry: () => void;
}) {
  const { messages, format } = useLanguage();
  const endedAt = fault?.kind === 'problem' ? fault.data?.endedAt : undefined;
  const endedAtMs = typeof endedAt === 'string' ? Date.parse(endedAt) : Number.NaN;
  const words = reason ? GONE_WORDS[reason] : null;
  let title = messages.receive.loadFailed;
  let text = '';
  if (words) {
    const isDated = words === 'expired' && !Number.isNaN(endedAtMs);
    title = isDated
      ? messages.receive.goneTitle.expiredAt(format.relative(endedAtMs, serverClock.nowMs()))
      : messages.receive.goneTitle[words];
    text = messages.receive.goneText[words];
  } else if (fault) {
    const explanation = explainFault(fault, messages, format);
    title = explanation.title;
    text = explanation.advice;
  }
  return (
    <section className="animate-rise flex flex-1 flex-col items-start justify-center gap-5 pb-16">
      <h1 className="text-3xl font-semibold tracking-[-0.03em] text-balance sm:text-4xl">{title}</h1>
      <p className="max-w-[52ch] text-lg text-ink-soft">{text}</p>
      <div className="flex flex-wrap gap-2 pt-2">
        {words ? (
          <Link href="/" className={buttonClass('secondary')}>
            {messages.receive.sendYourOwn}
          </Link>
        ) : (
          <Button variant="primary" onClick={onRetry}>
            {messages.receive.tryAgain}
          </Button>
        )}
      </div>
    </section>
  );
}
