/** One of the browser's dialogs: it gives either folders or single files, never both. */
export type Picker = 'file' | 'files' | 'folder' | 'looseFiles';

/** What has to be opened so that all files of a transfer can be picked again, the likeliest first. */
export function pickersFor(files: readonly { readonly path: string }[]): readonly [Picker, ...Picker[]] {
  const looseCount = files.filter(({ path }) => !path.includes('/')).length;
  if (looseCount === files.length) return [looseCount === 1 ? 'file' : 'files'];
  return looseCount === 0 ? ['folder'] : ['folder', 'looseFiles'];
}
