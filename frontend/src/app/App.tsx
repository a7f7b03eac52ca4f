import { lazy, Suspense, useEffect, useRef, useSyncExternalStore } from 'react';
import { LaterPart } from '../components/LaterPart.tsx';
import { Link } from '../components/Link.tsx';
import { buttonClass } from '../components/ui/Button.tsx';
import { SendPage } from '../features/send/SendPage.tsx';
import { amongPeople } from '../lib/arriving.ts';
import { isForField } from '../lib/dragged-over.ts';
import { later } from '../lib/later.ts';
import { type Route, routeOf, usePathname } from '../lib/router.ts';
import { useStore } from '../lib/store.ts';
import { CONTENT_ID, focusHome } from '../lib/use-focus-home.ts';
import { useLanguage } from '../messages/language.tsx';
import { isActive } from '../transfer-engine/upload-view.ts';
import { uploads } from '../transfer-engine/uploads.ts';
import { Banners } from './Banners.tsx';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { Footer } from './Footer.tsx';
import { Header } from './Header.tsx';
import { useKeepAwake } from './use-keep-awake.ts';

// Send is there at once; the other pages come when they are asked for.
const ReceivePage = lazy(() =>
  import('../features/receive/ReceivePage.tsx').then((module) => ({ default: module.ReceivePage })),
);
const loadShares = () => import('../features/shares/SharesPage.tsx').then((module) => ({ default: module.SharesPage }));
const SharesPage = lazy(loadShares);
const PeoplePage = lazy(() =>
  import('../features/people/PeoplePage.tsx').then((module) => ({ default: module.PeoplePage })),
);
const inboxShell = later(async () => (await import('../features/people/InboxShell.tsx')).InboxShell);
const ClusterPage = lazy(() =>
  import('../features/cluster/ClusterPage.tsx').then((module) => ({ default: module.ClusterPage })),
);

export function App() {
  const { messages } = useLanguage();
  const pathname = usePathname();
  const route = routeOf(pathname);
  const mayBeSentTo = useStore(amongPeople);
  useKeepAwake();
  useSharesAtHand();
  useFocusOnWalk(pathname);
  useEffect(() => {
    // A file dropped beside a drop target would otherwise replace the page, and the uploads with it.
    const keepPage = (event: DragEvent) => {
      if (!isForField(event)) event.preventDefault();
    };
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
        href={`#${CONTENT_ID}`}
        className="sr-only z-50 rounded-md bg-accent px-4 py-2 text-on-accent focus:not-sr-only focus:fixed focus:start-3 focus:top-3"
      >
        {messages.app.skipToContent}
      </a>
      <Header page={route.page} />
      <Banners />
      <main
        id={CONTENT_ID}
        tabIndex={-1}
        className="safe-x sheet-width flex min-h-[calc(100svh-68px)] flex-1 flex-col outline-none"
      >
        {/* A page that does not load leaves the others, and what is under way, as they are. */}
        <ErrorBoundary key={route.page} isWithinPage>
          <Suspense fallback={<Loading />}>
            <Page route={route} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <Footer />
      {mayBeSentTo && (
        <ErrorBoundary isQuiet>
          <LaterPart part={inboxShell} isQuiet>
            {(InboxShell) => <InboxShell isOnPeople={route.page === 'people'} />}
          </LaterPart>
        </ErrorBoundary>
      )}
    </div>
  );
}

/** While something is sent, the page that lists it is loaded: the line may break before one walks there. */
function useSharesAtHand(): void {
  const isSending = useSyncExternalStore(uploads.subscribe, () => uploads.read().some(isActive));
  useEffect(() => {
    if (isSending) loadShares().catch(() => undefined);
  }, [isSending]);
}

/** A link may go away with the page it was on: who followed it by key goes on in the next page, and not at the top. */
function useFocusOnWalk(pathname: string): void {
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    focusHome();
  }, [pathname]);
}

function Page({ route }: { readonly route: Route }) {
  switch (route.page) {
    case 'send':
      return <SendPage />;
    case 'mine':
      return <SharesPage />;
    case 'cluster':
      return <ClusterPage />;
    case 'people':
      return <PeoplePage code={route.code} />;
    case 'receive':
      return <ReceivePage key={route.shareId} shareId={route.shareId} />;
    case 'unknown':
      return <UnknownPage />;
  }
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
      <h1 className="text-3xl font-semibold tracking-[-0.03em] text-balance sm:text-4xl">
        {messages.app.notFoundTitle}
      </h1>
      <p className="max-w-[60ch] text-lg text-ink-soft">{messages.app.notFoundText}</p>
      <Link href="/" className={buttonClass('primary', 'lg')}>
        {messages.app.toStart}
      </Link>
    </div>
  );
}
