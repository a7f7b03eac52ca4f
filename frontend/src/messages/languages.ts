import { en, type Messages } from './en.ts';

export type LanguageTag = 'en' | 'ar';

interface LanguageEntry {
  /** In itself, as its readers look for it. */
  readonly name: string;
  readonly direction: 'ltr' | 'rtl';
  readonly load: () => Promise<Messages>;
}

/** English comes with the page; every other language is a chunk of its own. */
export const LANGUAGES: Readonly<Record<LanguageTag, LanguageEntry>> = {
  en: { name: 'English', direction: 'ltr', load: async () => en },
  ar: { name: 'العربية', direction: 'rtl', load: async () => (await import('./ar.ts')).ar },
};
export const LANGUAGE_TAGS = Object.keys(LANGUAGES) as readonly LanguageTag[];

function tagOf(text: string): LanguageTag | undefined {
  const primary = text.toLowerCase().split('-')[0];
  return LANGUAGE_TAGS.find((tag) => tag === primary);
}

/** What the person chose here before, else the first of their browser's languages that the page speaks, else English. */
export function languageFor(chosen: string | null, wanted: readonly string[]): LanguageTag {
  const candidates = [chosen, ...wanted].map((text) => (text === null ? undefined : tagOf(text)));
  return candidates.find((tag) => tag !== undefined) ?? 'en';
}

/**
 * Where numbers and times come from: the person's own region of the page's language. A locale of another language
 * would mix two in one line.
 */
export function localeFor(tag: LanguageTag, wanted: readonly string[]): string {
  return wanted.find((text) => tagOf(text) === tag) ?? tag;
}
