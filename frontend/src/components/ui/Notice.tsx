import { CircleAlert, Clock, Info, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';

type Tone = 'news' | 'waiting' | 'loss';

const TONES: Record<Tone, { readonly box: string; readonly icon: LucideIcon }> = {
  news: { box: 'bg-accent-wash text-ink', icon: Info },
  waiting: { box: 'bg-amber-wash text-amber-ink', icon: Clock },
  loss: { box: 'bg-red-wash text-red-ink', icon: CircleAlert },
};

/**
 * What went wrong and what to do: amber where it goes on by itself, red where something is refused or lost,
 * the accent's wash where nothing went wrong.
 */
export function Notice({
  tone,
  title,
  children,
  action,
}: {
  readonly tone: Tone;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) {
  const { box, icon: Icon } = TONES[tone];
  return (
    <div
      role={tone === 'loss' ? 'alert' : 'status'}
      className={`animate-rise flex flex-col gap-3 rounded-md px-4 py-3 sm:flex-row sm:items-center ${box}`}
    >
      <div className="flex min-w-0 flex-1 gap-3">
        <Icon aria-hidden className="mt-0.5 size-5 shrink-0" strokeWidth={1.5} />
        <div className="min-w-0 flex-1 [overflow-wrap:anywhere]">
          <p className="font-medium">{title}</p>
          {children && <p className="text-sm">{children}</p>}
        </div>
      </div>
      {action}
    </div>
  );
}
