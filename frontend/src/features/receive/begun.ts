/** Which shares this tab has begun to download: their slot is this person's, also when no other is left. */
const KEY_PREFIX = 'peerlink.begun.';

export function hasBegunHere(shareId: string): boolean {
  try {
    return sessionStorage.getItem(KEY_PREFIX + shareId) !== null;
  } catch {
    return false;
  }
}

export function noteBegun(shareId: string): void {
  try {
    sessionStorage.setItem(KEY_PREFIX + shareId, '1');
  } catch {
    // Storage refused: after a reload the page says that the downloads are used up, which is true.
  }
}
