/** What a direct send looks like to its sender. Pure: from the upload, its recipients and how it ended. */
import type { EndReason } from '../../../../services/contracts/http.ts';
import type { Recipient } from '../../../../services/contracts/person.ts';
import type { UploadViewPhase } from '../../transfer-engine/upload-view.ts';

export type DirectStage =
  /** Nobody has answered yet, or those who did declined and others have not. */
  | 'waiting'
  /** Somebody is receiving. */
  | 'moving'
  | 'received'
  /** Everybody who received has it all, and others said no or went. */
  | 'partly'
  | 'declined'
  | 'left'
  | 'expired'
  | 'cancelled'
  | 'failed';

export function stageOf(
  recipients: readonly Recipient[],
  phase: UploadViewPhase,
  endReason: EndReason | null,
): DirectStage {
  const count = (state: Recipient['state']) => recipients.filter((one) => one.state === state).length;
  if (recipients.length > 0 && count('received') === recipients.length) return 'received';
  if (endReason === 'digest_mismatch' || endReason === 'node_lost' || phase.name === 'failed') return 'failed';
  if (endReason === 'deleted' || endReason === 'aborted' || phase.name === 'cancelled') return 'cancelled';
  const isOver = endReason !== null || phase.name === 'ended';
  if (!isOver && count('accepted') > 0) return 'moving';
  if (!isOver && count('offered') > 0) return 'waiting';
  if (count('received') > 0) return 'partly';
  if (endReason === 'delivered') return 'received';
  if (endReason === 'declined' || (recipients.length > 0 && count('declined') === recipients.length)) return 'declined';
  if (endReason === 'left' || count('left') > 0) return 'left';
  if (endReason === 'expired' || count('expired') > 0) return 'expired';
  return isOver ? 'cancelled' : 'waiting';
}

export function isOverStage(stage: DirectStage): boolean {
  return stage !== 'waiting' && stage !== 'moving';
}

/** Share of one recipient; an empty transfer is whole when they have it. */
export function shareReceived(recipient: Recipient, totalBytes: number): number {
  if (recipient.state === 'received') return 1;
  return totalBytes === 0 ? 0 : Math.min(1, recipient.receivedBytes / totalBytes);
}

/** Of all who take it together: what stands in large figures. */
export function shareOfAll(recipients: readonly Recipient[], totalBytes: number): number {
  const takers = recipients.filter(({ state }) => state === 'accepted' || state === 'received');
  if (takers.length === 0) return 0;
  return takers.reduce((sum, one) => sum + shareReceived(one, totalBytes), 0) / takers.length;
}

/** A later telling of the same recipients: answers stay, bytes only grow. */
export function mergeRecipients(before: readonly Recipient[], heard: readonly Recipient[]): readonly Recipient[] {
  const known = new Map(before.map((one) => [one.id, one]));
  return heard.map((one) => {
    const earlier = known.get(one.id);
    if (!earlier) return one;
    const hasTurnedBack = one.state === 'offered' || (one.state === 'accepted' && earlier.state !== 'offered');
    return {
      ...one,
      state: hasTurnedBack ? earlier.state : one.state,
      receivedBytes: Math.max(earlier.receivedBytes, one.receivedBytes),
    };
  });
}
