import { Link } from '../components/Link.tsx';
import { seenNow } from '../lib/arriving.ts';
import type { Route } from '../lib/router.ts';
import { useStore } from '../lib/store.ts';
import { useLanguage } from '../messages/language.tsx';

/** The name, and the pages; a dot says that others can see one right now, whichever page is open. */
export function Header({ page }: { readonly page: Route['page'] }) {
  const { messages } = useLanguage();
  const isSeen = useStore(seenNow);
  const item =
    'inline-flex min-h-11 items-center px-3 underline-offset-8 hover:text-ink aria-[current]:text-ink aria-[current]:underline';
  return (
    <header className="safe-x sheet-width flex flex-wrap items-center justify-between pt-[max(12px,env(safe-area-inset-top))] pb-3">
      <Link href="/" className="inline-flex min-h-11 items-center gap-2.5 text-base font-semibold tracking-tight">
        <svg aria-hidden="true" viewBox="0 0 22 16" className="h-4 w-[22px]">
          <rect className="fill-ink" x="0" width="4" height="16" />
          <rect className="fill-ink" x="6" width="4" height="16" />
          <rect className="fill-accent" x="12" width="4" height="16" />
          <rect className="fill-ink" x="18" width="4" height="16" />
        </svg>
        <span className="max-[379px]:sr-only">{messages.app.name}</span>
      </Link>
      <nav aria-label={messages.app.navigation} className="-me-3 flex flex-wrap text-ink-soft">
        <Link href="/" className={item} {...(page === 'send' ? { 'aria-current': 'page' as const } : {})}>
          {messages.app.send}
        </Link>
        <Link
          href="/people"
          className={`${item} relative`}
          {...(isSeen ? { 'aria-label': messages.people.navigationSeen } : {})}
          {...(page === 'people' ? { 'aria-current': 'page' as const } : {})}
        >
          {messages.people.title}
          {isSeen && (
            <span
              aria-hidden="true"
              className="absolute end-0 top-1/2 size-1.5 -translate-y-1/2 rounded-full bg-accent"
            />
          )}
        </Link>
        <Link href="/mine" className={item} {...(page === 'mine' ? { 'aria-current': 'page' as const } : {})}>
          {messages.app.mine}
        </Link>
      </nav>
    </header>
  );
}
