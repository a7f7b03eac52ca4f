import { useEffect, useEffectEvent, useState } from 'react';
import { claimDrop, collectDrop, collectPastedFiles, type LeftOut, takeDrop } from '../../lib/collect-files.ts';
import type { CollectedFile } from '../../lib/file-list.ts';

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
  const [isDragging, setIsDragging] = useState(false);
  const dropped = useEffectEvent(async (transfer: DataTransfer) => {
    const found = takeDrop(transfer);
    if (!hasSomebody || found.length === 0) return;
    const { files, ...leftOut } = await collectDrop(found, () => {});
    onFiles(files, leftOut);
  });
  const pasted = useEffectEvent((event: ClipboardEvent) => {
    const isWriting = event.target instanceof Element && event.target.closest('input, textarea') !== null;
    if (isWriting || !hasSomebody || !event.clipboardData) return;
    const text = event.clipboardData.getData('text/plain');
    const pending = collectPastedFiles(event.clipboardData);
    if (pending) void pending.then(({ files, ...leftOut }) => onFiles(files, leftOut));
    else if (text !== '') onText(text);
    else return;
    event.preventDefault();
  });
  useEffect(() => {
    // Entering a child fires before leaving its parent: only the balance tells whether the pointer is still here.
    let depth = 0;
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const move = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      depth = Math.max(0, depth + (event.type === 'dragenter' ? 1 : -1));
      setIsDragging(depth > 0);
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setIsDragging(false);
      if (!event.dataTransfer || !carriesFiles(event) || !claimDrop(event)) return;
      event.preventDefault();
      void dropped(event.dataTransfer);
    };
    window.addEventListener('dragenter', move);
    window.addEventListener('dragleave', move);
    window.addEventListener('drop', drop);
    window.addEventListener('paste', pasted);
    return () => {
      window.removeEventListener('dragenter', move);
      window.removeEventListener('dragleave', move);
      window.removeEventListener('drop', drop);
      window.removeEventListener('paste', pasted);
    };
  }, []);
  return isDragging;
}
