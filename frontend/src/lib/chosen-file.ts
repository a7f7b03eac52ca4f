/** The file that a save dialog answered: it lies on the disk, empty, before a byte of it is written. */
import type { SavePhase } from '../transfer-engine/file-saver.ts';

/** Only a whole file takes its name, and of any other nothing stays behind. @throws when it cannot be written */
export async function writeWhole(
  handle: FileSystemFileHandle,
  write: (file: FileSystemWritableFileStream) => Promise<SavePhase>,
): Promise<SavePhase> {
  let isWhole = false;
  try {
    const file = await handle.createWritable();
    try {
      const phase = await write(file);
      if (phase.name === 'saved') {
        await file.close();
        isWhole = true;
      } else await file.abort();
      return phase;
    } catch (error) {
      await file.abort().catch(() => undefined);
      throw error;
    }
  } finally {
    if (!isWhole) await removeEmpty(handle);
  }
}

/** Takes away what the dialog made and nobody wrote to. In browsers that cannot, the empty file stays. */
export async function removeEmpty(handle: FileSystemFileHandle): Promise<void> {
  try {
    const { size } = await handle.getFile();
    if (size === 0) await (handle as { remove?: () => Promise<void> }).remove?.();
  } catch {
    // It is gone already, or may not be taken away: there is nothing more to do about it.
  }
}
