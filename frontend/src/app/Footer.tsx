import { useState } from 'react';
import { Link } from '../components/Link.tsx';
import { installation, offerToInstall } from '../lib/installation.ts';
import { useStore } from '../lib/store.ts';
import { useLanguage } from '../messages/language.tsx';
import { LANGUAGE_TAGS, LANGUAGES, type LanguageTag } from '../messages/languages.ts';

const ITEM =
  'inline-flex min-h-11 items-center px-2 underline-offset-8 hover:text-ink aria-pressed:text-ink aria-pressed:underline';

/** What the page promises, the languages it speaks, and the offer to install it where the browser makes one. */
export function Footer() {
  const { messages } = useLanguage();
  const offer = useStore(installation);
  return (
    <footer className="safe-x sheet-width flex flex-wrap items-center justify-between gap-x-10 gap-y-2 pt-16 pb-[max(16px,env(safe-area-inset-bottom))] text-xs text-ink-soft">
      <p>{messages.app.promise}</p>
      <div className="-mx-2 flex flex-wrap items-center gap-x-2">
        {offer !== null && (
          <button type="button" className={ITEM} onClick={() => void offerToInstall()}>
            {messages.app.install}
          </button>
        )}
        <Link href="/cluster" className={ITEM}>
          {messages.cluster.footerLink}
        </Link>
        <Languages />
      </div>
    </footer>
  );
}

function Languages() {
  const { messages, tag, choose } = useLanguage();
  const [hasFailed, setHasFailed] = useState(false);
  const pick = async (next: LanguageTag) => setHasFailed(!(await choose(next)));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form, and this is none
    <div role="group" aria-label={messages.app.language} className="flex flex-wrap">
      {LANGUAGE_TAGS.map((one) => (
        <button
          key={one}
          type="button"
          lang={one}
          aria-pressed={one === tag}
          className={ITEM}
          onClick={() => void pick(one)}
        >
          {LANGUAGES[one].name}
        </button>
      ))}
      <p role="status" className="basis-full px-2 empty:hidden">
        {hasFailed ? messages.app.languageFailed : ''}
      </p>
    </div>
  );
}
