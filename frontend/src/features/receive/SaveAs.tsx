import { useEffect } from 'react';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { Formatter } from '../../lib/format.ts';
import { type SavedFile, type SavedShare, savePicker, writerOf } from '../../lib/save-as.ts';
import { isSaving, type Saving, savings } from '../../lib/savings.ts';
import { useStore } from '../../lib/store.ts';
import type { Messages } from '../../messages/en.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';

/** A download that the page writes itself and that survives its node. Shown only where the browser lets pages do so. */
export function SaveAs({
  share,
  file,
  name,
  onBegun,
}: {
  readonly share: SavedShare;
  readonly file: SavedFile;
  readonly name: string;
  readonly onBegun: () => void;
}) {
  const { messages, format } = useLanguage();
  const { shareId } = share;
  const saving = useStore(savings).get(shareId);
  useEffect(() => savings.show(shareId), [shareId]);
  const picker = savePicker();
  if (!picker) return null;
  const begin = async () => {
    const handle = await picker({ suggestedName: name }).catch(() => null);
    if (!handle) return;
    onBegun();
    await savings.begin(shareId, { name, sizeBytes: file.sizeBytes }, async (show, signal) => {
      const write = await writerOf(share);
      return await write(handle, file, show, signal);
    });
  };
  const status = saving ? statusOf(saving, partOf(saving), messages, format) : '';
  // For screen readers: each change, and every quarter of the way; not every byte.
  const said = saving
    ? statusOf({ ...saving, bytesPerSecond: null }, Math.floor(partOf(saving) * 4) / 4, messages, format)
    : '';
  return (
    <>
      {saving && isSaving(saving) ? (
        <Button size="lg" className="max-sm:w-full" onClick={() => savings.stop(shareId)}>
          {messages.receive.saveCancel}
        </Button>
      ) : (
        <Button size="lg" className="max-sm:w-full" title={messages.receive.saveHint} onClick={() => void begin()}>
          {messages.receive.saveAs}
        </Button>
      )}
      <p aria-hidden="true" className="tabular basis-full text-ink-soft empty:hidden">
        {status}
      </p>
      <p role="status" className="sr-only">
        {said}
      </p>
      {saving && <Refusal saving={saving} />}
    </>
  );
}

function partOf({ savedBytes, sizeBytes }: Saving): number {
  return sizeBytes === 0 ? 1 : savedBytes / sizeBytes;
}

function statusOf({ phase, bytesPerSecond }: Saving, part: number, messages: Messages, format: Formatter): string {
  const percent = format.percent(part);
  switch (phase.name) {
    case 'saving':
      return messages.receive.saving(percent, bytesPerSecond ? format.rate(bytesPerSecond) : '');
    case 'moving':
      return messages.receive.saveMoving(percent);
    case 'offline':
      return messages.receive.saveOffline(percent);
    case 'saved':
      return messages.receive.saved;
    case 'cancelled':
    case 'failed':
    case 'refused':
      return '';
  }
}

function Refusal({ saving: { phase } }: { readonly saving: Saving }) {
  const { messages, format } = useLanguage();
  if (phase.name === 'refused') {
    return (
      <Notice tone="loss" title={messages.receive.saveRefused}>
        {messages.receive.saveRefusedAdvice}
      </Notice>
    );
  }
  if (phase.name !== 'failed') return null;
  const { title, advice } = explainFault(phase.fault, messages, format);
  return (
    <Notice tone="loss" title={title}>
      {advice}
    </Notice>
  );
}
