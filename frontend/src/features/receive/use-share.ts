import { useCallback, useEffect, useRef, useState } from 'react';
import { api } from '../../lib/api.ts';
import { live } from '../../lib/live.ts';
import { markCommitted, stripOf } from '../../lib/share-strip.ts';
import { type ShareState, stateAfterFault } from './share-state.ts';

/** While the sender sends and no socket is there to tell, the page looks for itself. */
const POLL_MS = 5_000;
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

/** A share as its recipient sees it, live while the sender is still sending. */
export function useShare(shareId: string): {
  readonly state: ShareState;
  readonly reload: () => void;
  readonly unlock: (password: string) => Promise<void>;
} {
  const [state, setState] = useState<ShareState>({ name: 'loading' });
  const revision = useRef(0);

  const load = useCallback(async () => {
    const grant = keptGrant(shareId);
    const answer = await api.share(shareId, grant);
    if (answer.ok && !answer.value.passwordRequired) {
      setState({ name: 'ready', answer: answer.value, strip: stripOf(answer.value, ++revision.current), grant });
      return;
    }
    setState((before) =>
      answer.ok
        ? { name: 'password', senderName: answer.value.share.senderName, isWrong: false, fault: null }
        : stateAfterFault(before, answer.fault),
    );
  }, [shareId]);

  useEffect(() => void load(), [load]);

  const isOpen = state.name === 'ready' && state.answer.share.state === 'open';
  const grant = state.name === 'ready' ? state.grant : null;
  useEffect(() => {
    if (!isOpen) return;
    let isFollowed = false;
    const unwatch = live.watch(grant ? { shareId, grant } : { shareId }, {
      // Between the page's own look and the watch, chunks may have come: look once more.
      snapshot: () => {
        isFollowed = true;
        void load();
      },
      progress: (progress) =>
        setState((before) => {
          if (before.name !== 'ready') return before;
          let bytes = 0;
          for (const [fileIndex, ranges] of Object.entries(progress.committed)) {
            bytes += markCommitted(before.answer, before.strip.cells, Number(fileIndex), ranges);
          }
          const committedBytes = before.strip.committedBytes + bytes;
          return { ...before, strip: { cells: before.strip.cells, revision: ++revision.current, committedBytes } };
        }),
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
  }, [isOpen, grant, shareId, load]);

  const unlock = useCallback(
    async (password: string) => {
      const answer = await api.grant(shareId, password);
      if (answer.ok) {
        keepGrant(shareId, answer.value.grant);
        await load();
        return;
      }
      const { fault } = answer;
      const isWrong = fault.kind === 'problem' && (fault.type === 'bad_password' || fault.type === 'bad_token');
      setState((before) =>
        before.name === 'password' ? { ...before, isWrong, fault: isWrong ? null : fault } : before,
      );
    },
    [shareId, load],
  );
  return { state, reload: () => void load(), unlock };
}
