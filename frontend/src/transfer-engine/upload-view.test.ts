import { describe, expect, it } from '@jest/globals';
import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { Fault } from './fault.ts';
import { faultOfAnswer } from './problem.ts';
import type { StoredUpload } from './resume-store.ts';
import { mayBeAskedAgain, restoredView } from './upload-view.ts';

const RECORD: StoredUpload = {
  transferId: 't',
  shareId: 's',
  link: 'https://example.org/d/s',
  uploadToken: 'secret',
  maxRunBytes: 8,
  savedAtMs: 0,
  expiresAt: '2026-11-24T00:00:00.000Z',
  files: [{ path: 'a', sizeBytes: 10, chunkSizeBytes: 4, chunkCount: 3, lastModifiedMs: 0, fingerprint: null }],
};
const TO_ANN: StoredUpload = { ...RECORD, recipients: [{ id: 'ann', displayName: 'Ann' }] };

const answered = (state: TransferStatusResponse['state'], committed: [number, number][]) => ({
  ok: true as const,
  value: { state, files: [{ index: 0, chunkCount: 3, committed }] } as unknown as TransferStatusResponse,
});
const unanswered = (fault: Fault) => ({ ok: false as const, fault });
const ours = (status: number, type: string) => faultOfAnswer(status, null, `{"type":"urn:peerlink:error:${type}"}`);

describe('an upload of an earlier visit', () => {
  it('is shown as far as it came', () => {
    const view = restoredView(RECORD, answered('open', [[0, 2]]));
    expect(view).toMatchObject({ phase: { name: 'needs_files' }, storedBytes: 8, isStoredKnown: true });
  });

  it.each([
    ['a line that is down', { kind: 'network' as const }],
    ['a server that is silent', { kind: 'timeout' as const }],
    ['a node that is not ready', ours(503, 'unavailable')],
  ])('claims nothing of how far it came, and is looked up again, after %s', (_why, fault) => {
    expect(restoredView(RECORD, unanswered(fault))).toMatchObject({
      phase: { name: 'needs_files' },
      isStoredKnown: false,
    });
    expect(mayBeAskedAgain(fault)).toBe(true);
  });

  it('is not asked for again once the server refused to tell of it', () => {
    expect(restoredView(RECORD, unanswered(ours(401, 'bad_token')))).toMatchObject({ isStoredKnown: false });
    expect(mayBeAskedAgain(ours(401, 'bad_token'))).toBe(false);
  });

  it('needs no files when everything is stored', () => {
    expect(restoredView(RECORD, answered('open', [[0, 3]]))?.phase.name).toBe('checking');
  });

  it('is over when it ended, is not known any more, or is sealed and sent to nobody in particular', () => {
    expect(restoredView(RECORD, answered('ended', []))).toBeNull();
    expect(restoredView(RECORD, unanswered(ours(404, 'not_found')))).toBeNull();
    expect(restoredView(RECORD, answered('sealed', [[0, 3]]))).toBeNull();
    expect(restoredView(TO_ANN, answered('sealed', []))).toMatchObject({ phase: { name: 'sealed' }, storedBytes: 10 });
  });
});
