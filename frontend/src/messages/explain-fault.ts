import type { ErrorType } from '../../../services/contracts/errors.ts';
import { nameOf } from '../lib/file-list.ts';
import type { Formatter } from '../lib/format.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import type { Messages } from './en.ts';

export interface Explanation {
  /** What happened, in the person's terms. */
  readonly title: string;
  /** What to do, or that nothing has to be done. */
  readonly advice: string;
}

/** Types that say the same to a person as another one. */
const SAME_AS: Partial<Record<ErrorType, keyof Messages['fault']>> = {
  request_timeout: 'timeout',
  moved: 'unavailable',
  stale_epoch: 'unavailable',
  bad_size: 'too_large',
  uri_too_long: 'bad_name',
};

/** One of these files stopped its upload: the person must hear which. */
export function explainUpload(
  fault: Fault,
  files: readonly { readonly path: string }[],
  messages: Messages,
  format: Formatter,
  goesOn: boolean,
): Explanation {
  const path = fault.kind === 'unreadable' ? files[fault.fileIndex]?.path : undefined;
  if (path === undefined) return explainFault(fault, messages, format, goesOn);
  return { title: messages.fault.unreadableNamed(nameOf(path)), advice: messages.fault.unreadable.advice };
}

/**
 * A fault in plain words. A type without words of its own is a refusal; never a bare code.
 * @param goesOn it is tried again without the person, who has nothing to do
 */
export function explainFault(fault: Fault, messages: Messages, format: Formatter, goesOn = false): Explanation {
  const words = wordsFor(fault, messages, format);
  return goesOn ? { title: words.title, advice: words.goesOn ?? messages.upload.retrying } : words;
}

function wordsFor(fault: Fault, messages: Messages, format: Formatter): Explanation & { readonly goesOn?: string } {
  if (fault.kind !== 'problem') return messages.fault[fault.kind];
  const limit = fault.data?.limitBytes;
  if (fault.type === 'too_large' && typeof limit === 'number') {
    return { title: messages.fault.too_large.title, advice: messages.fault.too_largeKnown(format.size(limit)) };
  }
  // Whoever sends it has done nothing to end it.
  if (fault.type === 'ended' && fault.data?.endReason === 'node_lost') return messages.fault.node_lost;
  const key = SAME_AS[fault.type] ?? fault.type;
  const text = key in messages.fault ? messages.fault[key as keyof Messages['fault']] : messages.fault.refused;
  return typeof text === 'function' ? messages.fault.refused : text;
}
