import { describe, expect, it } from '@jest/globals';
import type { SavePhase } from '../transfer-engine/file-saver.ts';
import { removeEmpty, writeWhole } from './chosen-file.ts';

/** A file on a disk, as the dialog answers it; what is written takes its name when it is closed. */
class FakeFile {
  content: string | null;
  /** What was being written was let go: until then the browser keeps its swap file. */
  isAborted = false;
  readonly #canRemove: boolean;

  constructor(content = '', canRemove = true) {
    this.content = content;
    this.#canRemove = canRemove;
  }

  #take(): void {
    this.content = null;
  }

  get handle(): FileSystemFileHandle {
    const handle = {
      getFile: async () => {
        if (this.content === null) throw new DOMException('gone', 'NotFoundError');
        return { size: this.content.length };
      },
      createWritable: async () => {
        let written = '';
        return {
          write: async (text: string) => {
            written += text;
          },
          close: async () => {
            this.content = written;
          },
          abort: async () => {
            this.isAborted = true;
          },
        };
      },
      ...(this.#canRemove ? { remove: async () => this.#take() } : {}),
    };
    return handle as unknown as FileSystemFileHandle;
  }
}

const writing = (phase: SavePhase) => async (file: FileSystemWritableFileStream) => {
  await file.write('half');
  return phase;
};

describe('a file that a dialog answered', () => {
  it('has what was written when it is saved', async () => {
    const file = new FakeFile();
    expect(await writeWhole(file.handle, writing({ name: 'saved' }))).toEqual({ name: 'saved' });
    expect(file.content).toBe('half');
  });

  it.each<SavePhase>([{ name: 'cancelled' }, { name: 'failed', fault: { kind: 'network' } }])(
    'is not left behind empty when saving is $name',
    async (phase) => {
      const file = new FakeFile();
      expect(await writeWhole(file.handle, writing(phase))).toEqual(phase);
      expect(file.content).toBeNull();
    },
  );

  it('is not left behind empty when it cannot be written', async () => {
    const file = new FakeFile();
    const full = async () => Promise.reject(new DOMException('full', 'QuotaExceededError'));
    await expect(writeWhole(file.handle, full)).rejects.toThrow('full');
    expect(file.isAborted).toBe(true);
    const locked = { ...file.handle, createWritable: full };
    await expect(writeWhole(locked, writing({ name: 'saved' }))).rejects.toThrow('full');
    expect(file.content).toBeNull();
  });

  it('stays where something is in it, and where the browser takes no file away', async () => {
    const kept = new FakeFile('older content');
    await writeWhole(kept.handle, writing({ name: 'cancelled' }));
    expect(kept.content).toBe('older content');
    const stuck = new FakeFile('', false);
    await removeEmpty(stuck.handle);
    expect(stuck.content).toBe('');
  });
});
