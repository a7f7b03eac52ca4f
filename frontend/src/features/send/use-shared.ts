import { useEffect, useEffectEvent, useState } from 'react';
import { collectInput, textFile } from '../../lib/collect-files.ts';
import type { CollectedFile } from '../../lib/file-list.ts';

/** An address with more text than this is no one's share. */
const MAX_TEXT_CHARS = 100_000;

/**
 * Takes what another app shared: files through the worker of an installed page (`/?shared`), text also as plain
 * parameters of the address (`/?title=&text=&url=`). Nothing is sent by it: it stands in the list until the person
 * sends it. Answers whether something was shared that did not arrive.
 */
export function useShared(
  textName: (stamp: string) => string,
  onShared: (files: readonly CollectedFile[]) => void,
): boolean {
  const [isMissing, setIsMissing] = useState(false);
  const take = useEffectEvent(async (asked: URLSearchParams) => {
    const shared = asked.has('shared') ? await takenFromWorker(asked) : { files: [], text: textOf(asked) };
    const files = shared === null ? [] : [...shared.files, ...textFile(shared.text, textName)];
    setIsMissing(files.length === 0);
    if (files.length > 0) onShared(files);
  });
  useEffect(() => {
    const asked = new URLSearchParams(window.location.search);
    if (!['shared', 'title', 'text', 'url'].some((name) => asked.has(name))) return;
    // Once: a reload must not add it again.
    window.history.replaceState(window.history.state, '', window.location.pathname);
    void take(asked);
  }, []);
  return isMissing;
}

function textOf(asked: URLSearchParams): string {
  const lines = ['title', 'text', 'url'].map((name) => asked.get(name));
  return lines.filter(Boolean).join('\n').slice(0, MAX_TEXT_CHARS);
}

async function takenFromWorker(
  asked: URLSearchParams,
): Promise<{ readonly files: readonly CollectedFile[]; readonly text: string } | null> {
  if (asked.get('shared') === 'missing') return null;
  try {
    const { takeShared } = await import('../../share-target/shared-files.ts');
    const shared = await takeShared();
    return shared && { files: collectInput(shared.files), text: shared.text };
  } catch {
    return null;
  }
}
