import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api, isBackendElsewhere } from '../../lib/api.ts';
import { live } from '../../lib/live.ts';
import { Meanwhile, markCommitted, stripOf } from '../../lib/share-strip.ts';
import { ShareRight } from './share-right.ts';
import { type ShareState, stateAfterFault } from './share-state.ts';

/** While the sender sends and no socket is there to tell, the page looks for itself. */
const POLL_MS = 5_000;
/** The server lets one in an address begin a download for five minutes. */
const RENEW_RIGHT_EVERY_MS = 4 * 60_000;
const GRANT_KEY_PREFIX = 'peerlink.grant.';

function keptGrant(shareId: string): string | null {
  try {
    return sessionStorage.getItem(GRANT_KEY_PREFIX + shareId);
  } catch {
    return null;
  }
}
function keepGrant(shareId: string, grant: string): void {
  try {
    sessionStorage.setItem(GRANT_KEY_PREFIX + shareId, grant);
  } catch {
    // Storage refused: a reload asks for the password again.
  }
}

function rightTo(shareId: string): ShareRight {
  return new ShareRight({
    ask: (password) => api.grant(shareId, password),
    kept: () => keptGrant(shareId),
    keep: (grant) => keepGrant(shareId, grant),
    isElsewhere: isBackendElsewhere,
  });
}

/** A share as its recipient sees it, live while the sender is still sending. */
export function useShare(shareId: string): {
  readonly state: ShareState;
  readonly reload: () => void;
  readonly unlock: (password: string) => Promise<void>;
} {
  const [state, setState] = useState<ShareState>({ name: 'loading' });
  const revision = useRef(0);
  const [meanwhile] = useState(() => new Meanwhile());
  const right = useMemo(() => rightTo(shareId), [shareId]);

  const load = useCallback(async () => {
    const heard = meanwhile.listen();
    const answer = await api.share(shareId, right.grant);
    const marks = heard();
    if (answer.ok && !answer.value.passwordRequired) {
      setState({ name: 'ready', answer: answer.value, strip: stripOf(answer.value, ++revision.current, marks), right });
      return;
    }
    setState((before) =>
      answer.ok
        ? { name: 'password', senderName: answer.value.share.senderName, isWrong: false, fault: null }
        : stateAfterFault(before, answer.fault),
    );
  }, [shareId, right, meanwhile]);

  useEffect(() => void load(), [load]);

  const isOpen = state.name === 'ready' && state.answer.share.state === 'open';
  const grant = state.name === 'ready' ? right.grant : null;
  useEffect(() => {
    if (!isOpen) return;
    let isFollowed = false;
    const unwatch = live.watch(grant ? { shareId, grant } : { shareId }, {
      // Between the page's own look and the watch, chunks may have come: look once more.
      snapshot: () => {
        isFollowed = true;
        void load();
      },
      progress: ({ committed }) => {
        meanwhile.heard(committed);
        setState((before) => {
          if (before.name !== 'ready') return before;
          const { cells } = before.strip;
          const committedBytes = before.strip.committedBytes + markCommitted(before.answer, cells, committed);
          return { ...before, strip: { cells, revision: ++revision.current, committedBytes } };
        });
      },
      state: () => void load(),
    });
    const timer = setInterval(() => {
      if (live.read() !== 'connected') isFollowed = false;
      if (!isFollowed && document.visibilityState === 'visible') void load();
    }, POLL_MS);
    return () => {
      unwatch();
      clearInterval(timer);
    };
  }, [isOpen, grant, shareId, load, meanwhile]);

  const mustRenew = state.name === 'ready' && right.addressGrant !== null;
  useEffect(() => {
    if (!mustRenew) return;
    const timer = setInterval(async () => {
      if ((await right.renew()) === null) void load();
    }, RENEW_RIGHT_EVERY_MS);
    return () => clearInterval(timer);
  }, [mustRenew, right, load]);

  const unlock = useCallback(
    async (password: string) => {
      const fault = await right.unlock(password);
      if (fault === null) {
        await load();
        return;
      }
      const isWrong = fault.kind === 'problem' && (fault.type === 'bad_password' || fault.type === 'bad_token');
      setState((before) =>
        before.name === 'password' ? { ...before, isWrong, fault: isWrong ? null : fault } : before,
      );
    },
    [right, load],
  );
  return { state, reload: () => void load(), unlock };
}
