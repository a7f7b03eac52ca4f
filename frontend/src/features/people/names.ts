import type { Person } from '../../../../services/contracts/person.ts';
import { isolateForeign } from '../../messages/isolate.ts';
import { useLanguage } from '../../messages/language.tsx';

/** Several people in one sentence: "Ada, Bo and Zoe". */
export function useNames(): (people: readonly Person[]) => string {
  const { tag } = useLanguage();
  return (people) =>
    new Intl.ListFormat(tag, { type: 'conjunction' }).format(people.map((one) => isolateForeign(one.displayName)));
}
