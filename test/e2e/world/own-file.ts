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
