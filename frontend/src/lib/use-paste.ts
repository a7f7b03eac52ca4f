import { useEffect, useEffectEvent } from 'react';
import { collectPastedFiles, type LeftOut, NOTHING_LEFT_OUT, textFile } from './collect-files.ts';
import type { CollectedFile } from './file-list.ts';

/** Takes pasted files, and pasted text as a file, wherever the person is not writing into a field. */
export function usePaste(
  textName: (stamp: string) => string,
  onPaste: (files: readonly CollectedFile[], leftOut: LeftOut) => void,
): void {
  const pasted = useEffectEvent((event: ClipboardEvent) => {
    const target = event.target;
    const isWriting =
      target instanceof Element && target.closest('input, textarea, select, [contenteditable]') !== null;
    if (isWriting || !event.clipboardData) return;
    const pending = collectPastedFiles(event.clipboardData);
    const text = pending ? [] : textFile(event.clipboardData.getData('text/plain'), textName);
    if (!pending && text.length === 0) return;
    event.preventDefault();
    if (pending) void pending.then(({ files, ...leftOut }) => onPaste(files, leftOut));
    else onPaste(text, NOTHING_LEFT_OUT);
  });
  useEffect(() => {
    window.addEventListener('paste', pasted);
    return () => window.removeEventListener('paste', pasted);
  }, []);
}
