import { startTransition, useCallback, useEffect, useReducer, useRef } from 'react';
import type { Answered } from '../../transfer-engine/transport.ts';
import { type ClusterPicture, changePicture, NOTHING_HEARD } from './cluster-picture.ts';
import { operatorApi } from './operator-api.ts';
import { OverviewFeed } from './overview-feed.ts';

export interface Cluster {
  readonly picture: ClusterPicture;
  /** Now, and not when it would be asked by itself. */
  readonly askNow: () => void;
  readonly signIn: (token: string) => Promise<Answered<null>>;
  readonly signOut: () => Promise<Answered<null>>;
}

function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

/** The cluster as it was heard last, kept up to date while the page can be seen. */
export function useCluster(): Cluster {
  const [picture, tell] = useReducer(changePicture, NOTHING_HEARD);
  const feed = useRef<OverviewFeed | null>(null);
  useEffect(() => {
    const current = new OverviewFeed({
      ask: operatorApi.overview,
      // Two hundred lines may change: they are drawn in slices, and whoever types or clicks goes first.
      tell: (change) => startTransition(() => tell(change)),
      nowMs: () => performance.now(),
      random: Math.random,
      after,
    });
    feed.current = current;
    const look = () => (document.visibilityState === 'visible' ? current.start() : current.stop());
    look();
    document.addEventListener('visibilitychange', look);
    window.addEventListener('online', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      window.removeEventListener('online', look);
      current.stop();
      feed.current = null;
    };
  }, []);

  const askNow = useCallback(() => feed.current?.start(), []);
  const signIn = useCallback(async (token: string) => {
    const answer = await operatorApi.signIn(token);
    if (answer.ok) {
      tell({ type: 'signed_in' });
      feed.current?.start();
    }
    return answer;
  }, []);
  const signOut = useCallback(async () => {
    feed.current?.stop();
    const answer = await operatorApi.signOut();
    if (answer.ok) tell({ type: 'signed_out', isByServer: false });
    else feed.current?.start();
    return answer;
  }, []);
  return { picture, askNow, signIn, signOut };
}
