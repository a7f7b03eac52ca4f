import { useEffect, useState } from 'react';
import type { TransferListResponse } from '../../../../services/contracts/http.ts';
import { Link } from '../../components/Link.tsx';
import { TransferLine } from '../../components/TransferLine.tsx';
import { api } from '../../lib/api.ts';
import { session } from '../../lib/session.ts';
import { useLanguage } from '../../messages/language.tsx';

const SHOWN = 4;

/** The last few transfers of this browser, under the invitation to send the next. Says nothing when there are none. */
export function RecentTransfers({ hiddenIds }: { readonly hiddenIds: ReadonlySet<string> }) {
  const { messages } = useLanguage();
  const [transfers, setTransfers] = useState<TransferListResponse['transfers']>([]);
  const key = [...hiddenIds].join(' ');
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when an upload appears or is closed
  useEffect(() => {
    let isGone = false;
    const load = async () => {
      const answer = await session.within(api.transfers);
      // A list that cannot be had is not worth a message here: Mine explains it.
      if (!isGone && answer.ok) setTransfers(answer.value.transfers);
    };
    void load();
    return () => {
      isGone = true;
    };
  }, [key]);
  const shown = transfers
    .filter(({ id, kind, state }) => kind === 'share' && state !== 'ended' && !hiddenIds.has(id))
    .slice(0, SHOWN);
  if (shown.length === 0) return null;
  return (
    <section aria-labelledby="recent-title" className="pt-16">
      <div className="flex items-center justify-between">
        <h2 id="recent-title" className="text-sm text-ink-soft">
          {messages.mine.recent}
        </h2>
        <Link
          href="/mine"
          className="inline-flex min-h-11 items-center text-sm text-ink-soft underline-offset-4 hover:underline"
        >
          {messages.mine.seeAll}
        </Link>
      </div>
      <ul className="grid grid-cols-1 gap-x-8 gap-y-6 md:grid-cols-2">
        {shown.map((transfer) => (
          <li key={transfer.id}>
            <TransferLine transfer={transfer} />
          </li>
        ))}
      </ul>
    </section>
  );
}
