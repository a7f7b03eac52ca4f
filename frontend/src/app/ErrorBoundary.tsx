import { Component, type ContextType, type ReactNode } from 'react';
import { buttonClass } from '../components/ui/Button.tsx';
import { LanguageContext } from '../messages/language.tsx';

/** A chunk that does not load is the network's or a new release's doing, not a bug: it gets its own words. */
function isLoadFailure(error: unknown): boolean {
  return error instanceof Error && /dynamically imported module|module script|preload/i.test(error.message);
}

/** The last net: says what happened and offers the way back. React wants a class here. */
export class ErrorBoundary extends Component<
  {
    readonly children: ReactNode;
    readonly isWithinPage?: boolean;
    /** What is within stands beside the page: without it the page is whole. */
    readonly isQuiet?: boolean;
  },
  { readonly error: unknown }
> {
  static override contextType = LanguageContext;
  declare context: ContextType<typeof LanguageContext>;
  override state: { readonly error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    if (this.props.isQuiet) return null;
    const isLoad = isLoadFailure(this.state.error);
    const { crash } = this.context.messages;
    const words = (
      <div role="alert" className="flex flex-1 flex-col items-start justify-center gap-4 pb-24">
        <h1 className="text-3xl font-semibold tracking-[-0.03em] text-balance sm:text-4xl">
          {isLoad ? crash.chunkTitle : crash.title}
        </h1>
        <p className="max-w-[60ch] text-lg text-ink-soft">{isLoad ? crash.chunkText : crash.text}</p>
        <button type="button" className={buttonClass('primary', 'lg')} onClick={() => window.location.reload()}>
          {crash.reload}
        </button>
      </div>
    );
    return this.props.isWithinPage ? (
      words
    ) : (
      <main className="safe-x sheet-width flex min-h-dvh flex-col">{words}</main>
    );
  }
}
