import { useEffect, useEffectEvent } from 'react';
import { collectPastedFiles, type LeftOut, NOTHING_LEFT_OUT, textFile } from './collect-files.ts';
import type { CollectedFile } from './file-list.ts';
import { isPastedElsewhere } from './paste-target.ts';

/** Takes pasted files, and pasted text as a file, unless the paste is for something else. */
export function usePaste(
  textName: (stamp: string) => string,
  onPaste: (files: readonly CollectedFile[], leftOut: LeftOut) => void,
): void {
  const pasted = useEffectEvent((event: ClipboardEvent) => {
    if (isPastedElsewhere(event.target) || !event.clipboardData) return;
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
