/** Uploads of earlier visits: finds out which of them can go on, and how far they came. */
import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import { mayBeAskedAgain } from './fault.ts';
import { OWN } from './node-choice.ts';
import { forgetUpload, listUploads, type StoredUpload } from './resume-store.ts';
import { serverClock } from './server-clock.ts';
import { type Answered, httpTransport, type UploadTransport } from './transport.ts';
import type { UploadList } from './upload-list.ts';
import { restoredView } from './upload-view.ts';

const STATUS_TIMEOUT_MS = 10_000;
const LOOK_AGAIN_MS = 5_000;

export interface UnfinishedPorts {
  readonly list: UploadList;
  /** What other tabs are sending. */
  readonly busyElsewhere: () => Promise<ReadonlySet<string>>;
  /** All of it is stored: it needs no files, and is followed to its seal. */
  readonly follow: (record: StoredUpload) => void;
  /** It is over, and goes from the list. */
  readonly remove: (transferId: string) => void;
}

export class UnfinishedUploads {
  readonly #ports: UnfinishedPorts;

  constructor(ports: UnfinishedPorts) {
    this.#ports = ports;
  }

  async restore(ownAddress: string): Promise<void> {
    const records = await listUploads();
    if (records.length === 0) return;
    const elsewhere = await this.#ports.busyElsewhere();
    await Promise.all(
      records.map(async (record) => {
        if (elsewhere.has(record.transferId) || this.#ports.list.find(record.transferId)) return;
        if (serverClock.hasPassed(record.expiresAt)) return forgetUpload(record.transferId);
        const transport = httpTransport(record.transferId, record.uploadToken, ownAddress);
        const answer = await transport.status(OWN, STATUS_TIMEOUT_MS);
        this.#show(record, answer);
        if (!answer.ok) void this.#lookAgain(record, transport);
      }),
    );
  }

  #show(record: StoredUpload, answer: Answered<TransferStatusResponse>): void {
    const { list, remove, follow } = this.#ports;
    const { transferId } = record;
    const view = restoredView(record, answer);
    if (view === null) {
      if (list.find(transferId)) remove(transferId);
      void forgetUpload(transferId);
      return;
    }
    list.put(record, view);
    if (view.phase.name === 'checking') follow(record);
  }

  /** The line may be back before the files are: what the server has is asked for until somebody goes on with it. */
  async #lookAgain(record: StoredUpload, transport: UploadTransport): Promise<void> {
    const isUnknown = () => {
      const view = this.#ports.list.find(record.transferId);
      return view !== undefined && !view.isStoredKnown && view.phase.name === 'needs_files';
    };
    while (isUnknown()) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      if (!isUnknown()) return;
      const answer = await transport.status(OWN, STATUS_TIMEOUT_MS);
      if (!isUnknown()) return;
      this.#show(record, answer);
      if (!answer.ok && !mayBeAskedAgain(answer.fault)) return;
    }
  }
}
