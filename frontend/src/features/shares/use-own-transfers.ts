import { useCallback, useEffect, useState } from 'react';
import { config } from '../../config/env.ts';
import { api } from '../../lib/api.ts';
import type { ListedTransfer } from '../../lib/listed-transfer.ts';
import { askAgainInMs } from '../../lib/retry.ts';
import { session } from '../../lib/session.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import { uploads } from '../../transfer-engine/uploads.ts';

export type ListState =
  | { readonly name: 'loading' }
  | { readonly name: 'ready'; readonly transfers: readonly ListedTransfer[] }
  | { readonly name: 'failed'; readonly fault: Fault };

/** What grows changes under one's eyes; what is done is looked at again now and then. */
const REFRESH_MS = 5_000;

/** The transfers of this session, looked at again and again while the page can be seen. */
export function useOwnTransfers(): {
  readonly list: ListState;
  /** What other tabs of this browser are sending. */
  readonly elsewhere: ReadonlySet<string>;
  readonly reload: () => Promise<void>;
} {
  const [list, setList] = useState<ListState>({ name: 'loading' });
  const [elsewhere, setElsewhere] = useState<ReadonlySet<string>>(new Set());
  const reload = useCallback(async () => {
    void uploads.yieldToOthers().then(setElsewhere);
    const answer = await session.within(api.transfers);
    setList((before) => {
      if (answer.ok) return { name: 'ready', transfers: answer.value.transfers };
      // What passes takes no list away; what does not must not leave one there that is not true any more.
      if (before.name === 'ready' && askAgainInMs(answer.fault) !== null) return before;
      return { name: 'failed', fault: answer.fault };
    });
  }, []);
  useEffect(() => {
    void reload();
    void uploads.restore(config.backendUrl, uploadPace);
    const timer = setInterval(() => document.visibilityState === 'visible' && void reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);
  return { list, elsewhere, reload };
}
