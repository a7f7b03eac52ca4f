import { useEffect, useEffectEvent } from 'react';
import { collectDrop, collectPastedFiles, type LeftOut, takeDrop } from '../../lib/collect-files.ts';
import type { CollectedFile } from '../../lib/file-list.ts';
import { isPastedElsewhere } from '../../lib/paste-target.ts';
import { useFilesDragged } from '../../lib/use-files-dragged.ts';

/**
 * Files dropped beside a person, and what is pasted, are for whoever is chosen; with nobody chosen they are left
 * alone. Answers whether files are being dragged over the page.
 */
export function useFilesFromAnywhere({
  hasSomebody,
  onFiles,
  onText,
}: {
  readonly hasSomebody: boolean;
  readonly onFiles: (files: readonly CollectedFile[], leftOut: LeftOut) => void;
  readonly onText: (text: string) => void;
}): boolean {
  const drop = async (transfer: DataTransfer) => {
    const found = takeDrop(transfer);
    if (!hasSomebody || found.length === 0) return;
    const { files, ...leftOut } = await collectDrop(found, () => {});
    onFiles(files, leftOut);
  };
  const pasted = useEffectEvent((event: ClipboardEvent) => {
    if (isPastedElsewhere(event.target) || !hasSomebody || !event.clipboardData) return;
    const text = event.clipboardData.getData('text/plain');
    const pending = collectPastedFiles(event.clipboardData);
    if (pending) void pending.then(({ files, ...leftOut }) => onFiles(files, leftOut));
    else if (text !== '') onText(text);
    else return;
    event.preventDefault();
  });
  useEffect(() => {
    window.addEventListener('paste', pasted);
    return () => window.removeEventListener('paste', pasted);
  }, []);
  return useFilesDragged((transfer) => void drop(transfer));
}
