import { describe, expect, it } from '@jest/globals';
import type { OwnedTransfer } from '../../../services/contracts/http.ts';
import { UploadList } from './upload-list.ts';
import { recordOfOpened } from './upload-record.ts';
import type { UploadView } from './upload-view.ts';

const opened = (recipients?: OwnedTransfer['recipients']) => ({
  transfer: {
    id: 't',
    shareId: 's',
    link: 'http://page/d/s',
    maxRunBytes: 64,
    expiresAt: '2030-01-01T00:00:00.000Z',
    files: [{ index: 0, path: 'sent.bin', sizeBytes: 5, chunkSizeBytes: 16, chunkCount: 1 }],
    recipients,
  } as unknown as OwnedTransfer,
  uploadToken: 'token',
  handles: [],
});
const file = new File(['bytes'], 'on disk.bin', { lastModified: 1_234 });

describe('what is kept of an upload', () => {
  it('has the marks by which its files are known again: time, size and the name on the disk', () => {
    const { files, savedAtMs, recipients } = recordOfOpened(opened(), [file], 99);
    expect({ savedAtMs, recipients }).toEqual({ savedAtMs: 99, recipients: undefined });
    expect(files).toEqual([
      {
        path: 'sent.bin',
        sizeBytes: 5,
        chunkSizeBytes: 16,
        chunkCount: 1,
        lastModifiedMs: 1_234,
        fingerprint: null,
        pickedName: 'on disk.bin',
      },
    ]);
  });

  it('names whom a direct send was offered to, or a reload would take it for a link', () => {
    const heron = { id: 'p', displayName: 'Quiet Heron', state: 'offered', receivedBytes: 0 } as const;
    const { recipients } = recordOfOpened(opened([heron]), [file], 99);
    expect(recipients).toEqual([{ id: 'p', displayName: 'Quiet Heron' }]);
  });

  it('is gone from the list for good once it was removed, whatever comes of it later', () => {
    const list = new UploadList();
    const record = recordOfOpened(opened(), [file], 99);
    list.put(record, { transferId: 't' } as UploadView);
    list.remove('t');
    list.keep(record);
    list.change('t', { revision: 1 });
    expect(list.recordOf('t')).toBeUndefined();
    expect(list.read()).toEqual([]);
  });
});
