/** The uploads that a page knows of: what it shows of each, and what it keeps of it for another visit. */
import type { StoredUpload } from './resume-store.ts';
import type { UploadView } from './upload-view.ts';

export class UploadList {
  #views: readonly UploadView[] = [];
  readonly #records = new Map<string, StoredUpload>();
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  /** Newest first. */
  readonly read = (): readonly UploadView[] => this.#views;

  find(transferId: string): UploadView | undefined {
    return this.#views.find((view) => view.transferId === transferId);
  }

  recordOf(transferId: string): StoredUpload | undefined {
    return this.#records.get(transferId);
  }

  /** Keeps the record; the view, where there is one already, stays where it is in the list. */
  put(record: StoredUpload, view: UploadView): void {
    const { transferId } = record;
    this.#records.set(transferId, record);
    if (!this.find(transferId)) this.#views = [view, ...this.#views];
    this.change(transferId, view);
  }

  /** Does nothing once it was removed. */
  keep(record: StoredUpload): void {
    if (this.#records.has(record.transferId)) this.#records.set(record.transferId, record);
  }

  change(transferId: string, change: Partial<UploadView>): void {
    this.#views = this.#views.map((view) => (view.transferId === transferId ? { ...view, ...change } : view));
    this.notify();
  }

  remove(transferId: string): void {
    this.#records.delete(transferId);
    this.#views = this.#views.filter((view) => view.transferId !== transferId);
    this.notify();
  }

  /** Tells whoever listens that something has changed. */
  notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
