import { describe, expect, it } from '@jest/globals';
import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import { type Fault, mayBeAskedAgain } from './fault.ts';
import { faultOfAnswer } from './problem.ts';
import type { StoredFile, StoredUpload } from './resume-store.ts';
import type { UploadSnapshot } from './upload-session.ts';
import {
  awaitedFiles,
  isHeld,
  restoredView,
  shareMoved,
  shareMovedOfFile,
  takesFiles,
  type UploadView,
  viewAfter,
} from './upload-view.ts';

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

const FOLDER: StoredUpload = {
  ...RECORD,
  files: ['trip/a', 'trip/b', 'trip/c'].map((path) => ({ ...(RECORD.files[0] as StoredFile), path })),
};
const answered = (state: TransferStatusResponse['state'], committed: [number, number][]) => ({
  ok: true as const,
  value: { state, files: [{ index: 0, chunkCount: 3, committed }] } as unknown as TransferStatusResponse,
});
const unanswered = (fault: Fault) => ({ ok: false as const, fault });
const ours = (status: number, type: string) => faultOfAnswer(status, null, `{"type":"urn:peerlink:error:${type}"}`);

describe('an upload whose files are in hand', () => {
  it.each([
    ['sending', true],
    ['paused', true],
    ['stalled', true],
    ['needs_files', false],
    ['sealed', false],
  ] as const)('is asked about when the page is closed: %s, %s', (name, isAskedAbout) => {
    expect(isHeld({ phase: { name } } as UploadView)).toBe(isAskedAbout);
  });

  it('has an empty file that is whole, whatever the others are', () => {
    const files = [{ ...(RECORD.files[0] as StoredFile), sizeBytes: 0 }];
    const none = new Float64Array(1);
    expect(shareMovedOfFile({ files, storedBytesByFile: none, movedBytesByFile: none }, 0)).toBe(1);
  });
});

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

describe('an upload that goes on', () => {
  const half = restoredView(RECORD, answered('open', [[0, 2]])) as UploadView;
  const news: UploadSnapshot = {
    phase: { name: 'checking' },
    isStoredKnown: false,
    storedBytes: 0,
    movedBytes: 0,
    bytesPerSecond: null,
    remainingMs: null,
    cells: [],
    files: [],
    digests: [],
  };

  it('does not fall back to nothing while its new session has not heard what is stored', () => {
    const begun = viewAfter(half, news);
    expect(begun).toMatchObject({ phase: { name: 'checking' }, storedBytes: 8, movedBytes: 8, isStoredKnown: true });
    expect(viewAfter(begun, { ...news, phase: { name: 'offline' } })).toMatchObject({ storedBytes: 8, movedBytes: 8 });
    const heard = {
      ...news,
      isStoredKnown: true,
      storedBytes: 4,
      movedBytes: 6,
      files: [{ index: 0, storedBytes: 4, movedBytes: 6 }],
    };
    expect(viewAfter(begun, heard)).toMatchObject({ storedBytes: 4, movedBytes: 6, revision: begun.revision + 1 });
  });

  it('counts no bytes back when what was on its way has to go once more, and does when the server has lost some', () => {
    const half = restoredView(RECORD, answered('open', [[0, 2]])) as UploadView;
    const on = (storedBytes: number, movedBytes: number) => ({
      ...news,
      isStoredKnown: true,
      storedBytes,
      movedBytes,
      files: [{ index: 0, storedBytes, movedBytes }],
    });
    const moving = viewAfter(half, on(8, 10));
    const cut = viewAfter(moving, { ...on(8, 8), phase: { name: 'offline' } });
    expect(cut).toMatchObject({ storedBytes: 8, movedBytes: 10 });
    expect(viewAfter(cut, on(8, 9)).movedBytes).toBe(10);
    expect(viewAfter(cut, on(4, 6)).movedBytes).toBe(6);
  });

  it('has come as far as all of its files together, those of a line that broke included', () => {
    const view = restoredView(FOLDER, answered('open', [])) as UploadView;
    const sent = (index: number) => ({ index, storedBytes: 0, movedBytes: 5 });
    const first = { ...news, isStoredKnown: true, movedBytes: 5, files: [sent(0)] };
    const lost = { ...news, isStoredKnown: true, files: [{ ...sent(0), movedBytes: 0 }] };
    const second = { ...news, isStoredKnown: true, movedBytes: 5, files: [sent(1)] };
    const shown = [first, lost, second].reduce(viewAfter, view);
    const shares = [0, 1, 2].map((index) => shareMovedOfFile(shown, index));
    expect(shares).toEqual([0.5, 0.5, 0]);
    expect(shareMoved(shown)).toBe((0.5 + 0.5) / 3);
    const whole = { ...news, isStoredKnown: true, movedBytes: 10, files: [{ ...sent(0), movedBytes: 10 }] };
    expect(shareMovedOfFile(viewAfter(shown, whole), 0)).toBe(0.99);
  });

  it('is said to be whole only when all of it is stored', () => {
    const sent = { ...half, phase: { name: 'sending' }, movedBytes: 10 } as const;
    expect(shareMoved({ ...sent, movedBytes: 5 })).toBe(0.5);
    expect(shareMoved(sent)).toBe(0.99);
    expect(shareMoved({ ...sent, storedBytes: 10 })).toBe(1);
    expect(shareMoved({ ...sent, totalBytes: 0 })).toBe(0);
    expect(shareMoved({ ...sent, totalBytes: 0, phase: { name: 'sealed' } })).toBe(1);
  });

  it('takes files when one of them cannot be read any more, and waits for no other', () => {
    const view = restoredView(FOLDER, answered('open', [])) as UploadView;
    const namesOf = (one: UploadView) => awaitedFiles(one).map(({ path }) => path);
    view.storedBytesByFile[0] = 10;
    expect([takesFiles(view), namesOf(view)]).toEqual([true, ['trip/b', 'trip/c']]);
    const unreadable: UploadView = {
      ...view,
      phase: { name: 'stalled', fault: { kind: 'unreadable', fileIndex: 2 } },
    };
    expect([takesFiles(unreadable), namesOf(unreadable)]).toEqual([true, ['trip/c']]);
    expect(takesFiles({ ...view, phase: { name: 'stalled', fault: { kind: 'timeout' } } })).toBe(false);
    expect(takesFiles({ ...view, phase: { name: 'sending' } })).toBe(false);
  });
});
