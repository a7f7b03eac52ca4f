import { useEffect, useEffectEvent } from 'react';
import { collectPaste } from './collect-files.ts';
import type { CollectedFile } from './file-list.ts';

/** Takes pasted files, and pasted text as a file, wherever the person is not writing into a field. */
export function usePaste(
  textName: (stamp: string) => string,
  onPaste: (files: readonly CollectedFile[]) => void,
): void {
  const pasted = useEffectEvent((event: ClipboardEvent) => {
    const target = event.target;
    const isWriting =
      target instanceof Element && target.closest('input, textarea, select, [contenteditable]') !== null;
    if (isWriting || !event.clipboardData) return;
    const files = collectPaste(event.clipboardData, textName);
    if (!files) return;
    event.preventDefault();
    onPaste(files);
  });
  useEffect(() => {
    window.addEventListener('paste', pasted);
    return () => window.removeEventListener('paste', pasted);
  }, []);
}
