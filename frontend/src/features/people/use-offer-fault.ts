import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';

/** Faults of what is sent to people, in their terms. */
export function useOfferFault(): (fault: Fault) => { readonly title: string; readonly advice: string } {
  const { messages, format } = useLanguage();
  const words = messages.people.send;
  return (fault) => {
    if (fault.kind === 'problem' && (fault.type === 'not_found' || fault.type === 'forbidden')) {
      return { title: words.gone, advice: words.goneText };
    }
    if (fault.kind === 'problem' && fault.type === 'too_many_transfers') {
      return { title: words.failed, advice: words.tooManyWaiting };
    }
    return explainFault(fault, messages, format);
  };
}
