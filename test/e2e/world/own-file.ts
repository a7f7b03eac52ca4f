/** In the page: what the page writes by its own hand goes into the browser's private store instead of a dialog's choice. */

export function pickOwnFile(): void {
  const pick = async ({ suggestedName }: { suggestedName: string }) => {
    const root = await navigator.storage.getDirectory();
    return await root.getFileHandle(suggestedName, { create: true });
  };
  Object.assign(window, { showSaveFilePicker: pick });
}

/** In the page: as in browsers that let no page write a file. */
export function pickNothing(): void {
  Object.assign(window, { showSaveFilePicker: undefined });
}

export async function ownFileSha256(name: string): Promise<string> {
  const root = await navigator.storage.getDirectory();
  const file = await (await root.getFileHandle(name)).getFile();
  const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** In the page: what lies there, but for what the browser writes to until it is closed. */
export async function ownFileNames(): Promise<string[]> {
  const root = await navigator.storage.getDirectory();
  const names: string[] = [];
  for await (const name of root.keys()) if (!name.endsWith('.crswap')) names.push(name);
  return names;
}

/** In the page: the dialog for folders answers one of the browser's private store. */
export function pickOwnFolder(): void {
  const pick = async () => {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle('chosen', { create: true });
  };
  Object.assign(window, { showDirectoryPicker: pick });
}

/** In the page: every file of the chosen folder by its path, with the digest of its bytes. */
export async function ownFolderSha256(): Promise<Record<string, string>> {
  const root = await navigator.storage.getDirectory();
  const found: Record<string, string> = {};
  const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
    for await (const entry of folder.values()) {
      const name = `${path}${entry.name}`;
      if (entry.kind === 'directory') {
        await walk(entry, `${name}/`);
        continue;
      }
      const hash = await crypto.subtle.digest('SHA-256', await (await entry.getFile()).arrayBuffer());
      found[name] = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    }
  };
  await walk(await root.getDirectoryHandle('chosen', { create: true }), '');
  return found;
}
