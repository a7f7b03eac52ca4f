import type { EndReason } from '../../../../services/contracts/http.ts';
import { Link } from '../../components/Link.tsx';
import { Button, buttonClass } from '../../components/ui/Button.tsx';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';

export type GoneReason = EndReason | 'not_found';
type GoneWords = 'delivered' | 'expired' | 'used_up' | 'deleted' | 'broken' | 'digest_mismatch' | 'not_found';

/** Why nothing is there, when the fault says so; null when it may still be there and could not be asked for. */
export function goneReasonOf(fault: Fault): GoneReason | null {
  if (fault.kind !== 'problem') return null;
  switch (fault.type) {
    case 'expired':
    case 'used_up':
      return fault.type;
    case 'ended': {
      const reason = fault.data?.endReason ?? fault.data?.reason;
      return typeof reason === 'string' && reason in WORDS ? (reason as GoneReason) : 'deleted';
    }
    case 'not_found':
    case 'bad_request':
      return 'not_found';
    default:
      return null;
  }
}

const WORDS: Record<GoneReason, GoneWords> = {
  expired: 'expired',
  used_up: 'used_up',
  deleted: 'deleted',
  aborted: 'broken',
  left: 'broken',
  declined: 'deleted',
  delivered: 'delivered',
  digest_mismatch: 'digest_mismatch',
  not_found: 'not_found',
};

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
  const words = reason ? WORDS[reason] : null;
  let title = messages.receive.loadFailed;
  let text = '';
  if (words) {
    const isDated = words === 'expired' && !Number.isNaN(endedAtMs);
    title = isDated
      ? messages.receive.goneTitle.expiredAt(format.relative(endedAtMs, Date.now()))
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
