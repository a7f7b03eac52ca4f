import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { type Formatter, formatterFor } from '../lib/format.ts';
import { en, type Messages } from './en.ts';

interface Language {
  readonly messages: Messages;
  readonly format: Formatter;
}

const LanguageContext = createContext<Language>({ messages: en, format: formatterFor('en') });

/** Words in the page's language, sizes and times in the person's locale. */
export function LanguageProvider({ children }: { readonly children: ReactNode }) {
  const language = useMemo(() => {
    // A locale of another language would mix two languages in one line: its region is kept, the words decide.
    const locale = navigator.languages.find((tag) => tag.startsWith('en')) ?? 'en';
    return { messages: en, format: formatterFor(locale) };
  }, []);
  return <LanguageContext value={language}>{children}</LanguageContext>;
}

export function useLanguage(): Language {
  return useContext(LanguageContext);
}
