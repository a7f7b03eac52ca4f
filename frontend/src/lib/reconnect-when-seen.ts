import type { LiveConnection } from './live-connection.ts';

/**
 * Connects anew when somebody comes back to a page that has given up: a machine that sleeps now and then uses its tries up
 * while nobody looks, and no event tells that the line is there again. @returns ends it
 */
export function reconnectWhenSeen(
  live: Pick<LiveConnection, 'read' | 'reconnect'>,
  page: Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>,
): () => void {
  const seen = () => {
    if (page.visibilityState === 'visible' && live.read() === 'gave_up') live.reconnect();
  };
  page.addEventListener('visibilitychange', seen);
  return () => page.removeEventListener('visibilitychange', seen);
}
