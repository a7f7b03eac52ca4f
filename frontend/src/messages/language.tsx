import { createContext, type ReactNode, useContext, useLayoutEffect, useMemo, useState } from 'react';
import { type Formatter, formatterFor } from '../lib/format.ts';
import { en, type Messages } from './en.ts';
import { LANGUAGES, type LanguageTag, languageFor, localeFor } from './languages.ts';

interface Language {
  readonly tag: LanguageTag;
  readonly messages: Messages;
  readonly format: Formatter;
  /** Loads the other language, then shows the page in it and remembers it; false when it could not be had. */
  readonly choose: (tag: LanguageTag) => Promise<boolean>;
}
interface LoadedLanguage {
  readonly tag: LanguageTag;
  readonly messages: Messages;
}

const LANGUAGE_KEY = 'peerlink.language';
const ENGLISH: LoadedLanguage = { tag: 'en', messages: en };

function chosenBefore(): string | null {
  try {
    return localStorage.getItem(LANGUAGE_KEY);
  } catch {
    return null;
  }
}
function remember(tag: LanguageTag): void {
  try {
    localStorage.setItem(LANGUAGE_KEY, tag);
  } catch {
    // Storage refused: the choice lasts as long as the page.
  }
}

/** The language to begin in. A page in English is better than none: what does not load is not waited for. */
export async function loadLanguage(): Promise<LoadedLanguage> {
  const tag = languageFor(chosenBefore(), navigator.languages);
  try {
    return { tag, messages: await LANGUAGES[tag].load() };
  } catch {
    return ENGLISH;
  }
}

export const LanguageContext = createContext<Language>({
  ...ENGLISH,
  format: formatterFor('en'),
  choose: () => Promise.resolve(false),
});

/** Words in the page's language, sizes and times in the person's locale. */
export function LanguageProvider({
  initial,
  children,
}: {
  readonly initial: LoadedLanguage;
  readonly children: ReactNode;
}) {
  const [{ tag, messages }, setLoaded] = useState(initial);
  // Before the first picture: a page that turns around under one's eyes is two pages.
  useLayoutEffect(() => {
    document.documentElement.lang = tag;
    document.documentElement.dir = LANGUAGES[tag].direction;
  }, [tag]);
  const language = useMemo(
    () => ({
      tag,
      messages,
      format: formatterFor(localeFor(tag, navigator.languages)),
      choose: async (next: LanguageTag) => {
        try {
          const loaded = { tag: next, messages: await LANGUAGES[next].load() };
          remember(next);
          setLoaded(loaded);
          return true;
        } catch {
          return false;
        }
      },
    }),
    [tag, messages],
  );
  return <LanguageContext value={language}>{children}</LanguageContext>;
}

export function useLanguage(): Language {
  return useContext(LanguageContext);
}
