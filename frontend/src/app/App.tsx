import { lazy, Suspense, useEffect } from 'react';
import { Link } from '../components/Link.tsx';
import { buttonClass } from '../components/ui/Button.tsx';
import { SendPage } from '../features/send/SendPage.tsx';
import { type Route, routeOf, usePathname } from '../lib/router.ts';
import { useLanguage } from '../messages/language.tsx';
import { Banners } from './Banners.tsx';
import { Footer } from './Footer.tsx';
import { useKeepAwake } from './use-keep-awake.ts';

// Send is there at once; the other pages come when they are asked for.
const ReceivePage = lazy(() =>
  import('../features/receive/ReceivePage.tsx').then((module) => ({ default: module.ReceivePage })),
);
const SharesPage = lazy(() =>
  import('../features/shares/SharesPage.tsx').then((module) => ({ default: module.SharesPage })),
);
const ClusterPage = lazy(() =>
  import('../features/cluster/ClusterPage.tsx').then((module) => ({ default: module.ClusterPage })),
);

export function App() {
  const { messages } = useLanguage();
  const route = routeOf(usePathname());
  useKeepAwake();
  useEffect(() => {
    // A file dropped beside a drop target would otherwise replace the page, and the uploads with it.
    const keepPage = (event: DragEvent) => event.preventDefault();
    window.addEventListener('dragover', keepPage);
    window.addEventListener('drop', keepPage);
    return () => {
      window.removeEventListener('dragover', keepPage);
      window.removeEventListener('drop', keepPage);
    };
  }, []);
  return (
    <div data-page={route.page} className="flex min-h-dvh flex-col">
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-accent px-4 py-2 text-on-accent focus:not-sr-only focus:fixed focus:start-3 focus:top-3"
      >
        {messages.app.skipToContent}
      </a>
      <Header page={route.page} />
      <Banners />
      <main
        id="content"
        tabIndex={-1}
        className="safe-x sheet-width flex min-h-[calc(100svh-68px)] flex-1 flex-col outline-none"
      >
        <Suspense fallback={<Loading />}>
          <Page route={route} />
        </Suspense>
      </main>
      <Footer />
    </div>
  );
}

function Page({ route }: { readonly route: Route }) {
  switch (route.page) {
    case 'send':
      return <SendPage />;
    case 'mine':
      return <SharesPage />;
    case 'cluster':
      return <ClusterPage />;
    case 'receive':
      return <ReceivePage key={route.shareId} shareId={route.shareId} />;
    case 'unknown':
      return <UnknownPage />;
  }
}

function Header({ page }: { readonly page: Route['page'] }) {
  const { messages } = useLanguage();
  const item =
    'inline-flex min-h-11 items-center px-3 underline-offset-8 hover:text-ink aria-[current]:text-ink aria-[current]:underline';
  return (
    <header className="safe-x sheet-width flex items-center justify-between pt-[max(12px,env(safe-area-inset-top))] pb-3">
      <Link href="/" className="inline-flex min-h-11 items-center gap-2.5 text-base font-semibold tracking-tight">
        <svg aria-hidden="true" viewBox="0 0 22 16" className="h-4 w-[22px]">
          <rect className="fill-ink" x="0" width="4" height="16" />
          <rect className="fill-ink" x="6" width="4" height="16" />
          <rect className="fill-accent" x="12" width="4" height="16" />
          <rect className="fill-ink" x="18" width="4" height="16" />
        </svg>
        {messages.app.name}
      </Link>
      <nav aria-label={messages.app.navigation} className="-me-3 flex text-ink-soft">
        <Link href="/" className={item} {...(page === 'send' ? { 'aria-current': 'page' as const } : {})}>
          {messages.app.send}
        </Link>
        <Link href="/mine" className={item} {...(page === 'mine' ? { 'aria-current': 'page' as const } : {})}>
          {messages.app.mine}
        </Link>
      </nav>
    </header>
  );
}

function Loading() {
  const { messages } = useLanguage();
  return (
    <p role="status" className="sr-only">
      {messages.app.loading}
    </p>
  );
}

function UnknownPage() {
  const { messages } = useLanguage();
  return (
    <div className="flex flex-1 flex-col items-start justify-center gap-4 pb-24">
      <h1 className="text-3xl font-medium tracking-tight">{messages.app.notFoundTitle}</h1>
      <p className="max-w-[60ch] text-ink-soft">{messages.app.notFoundText}</p>
      <Link href="/" className={buttonClass('primary', 'lg')}>
        {messages.app.toStart}
      </Link>
    </div>
  );
}
