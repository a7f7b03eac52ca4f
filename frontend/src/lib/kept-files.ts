/** Files of an earlier visit, by the handles that the browser kept for it. */
import type { PickedFile } from '../transfer-engine/match-files.ts';

type PermittedHandle = FileSystemFileHandle & {
  requestPermission?: (options: { mode: 'read' }) => Promise<PermissionState>;
};

/** The files behind kept handles, when the person and the browser still allow it; else null. */
export async function filesOf(handles: readonly FileSystemFileHandle[]): Promise<readonly PickedFile[] | null> {
  try {
    const files: PickedFile[] = [];
    for (const handle of handles as readonly PermittedHandle[]) {
      if ((await handle.requestPermission?.({ mode: 'read' })) !== 'granted') return null;
      const file = await handle.getFile();
      files.push({ path: file.name, file });
    }
    return files;
  } catch {
    return null;
  }
}
