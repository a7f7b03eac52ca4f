import { useEffect, useId, useSyncExternalStore } from 'react';
import { Pace } from '../../components/Pace.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { Formatter } from '../../lib/format.ts';
import { live } from '../../lib/live.ts';
import {
  type SavedFile,
  type SavedShare,
  type SavePicker,
  savePicker,
  withFreshRight,
  writerOf,
} from '../../lib/save-as.ts';
import { isSaving, type Saving, savings } from '../../lib/savings.ts';
import { useStore } from '../../lib/store.ts';
import { waitsForSender } from '../../lib/waits-for-sender.ts';
import type { Messages } from '../../messages/en.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import { leftMsAt } from '../../transfer-engine/rate-meter.ts';
import { explainToReader } from './gone-reason.ts';

/** What is saved, and where it comes from. */
interface Saved {
  readonly share: SavedShare;
  readonly file: SavedFile;
  readonly name: string;
  /** What the server has of it from the beginning on, without a gap. */
  readonly readyBytes: number;
}

/** A download that the page writes itself and that survives its node. Shown only where the browser lets pages do so. */
export function SaveAs({ onBegun, ...saved }: Saved & { readonly onBegun: () => void }) {
  const { messages } = useLanguage();
  const { shareId } = saved.share;
  const saving = useStore(savings).get(shareId);
  useEffect(() => savings.show(shareId), [shareId]);
  const hintId = useId();
  const picker = savePicker();
  if (!picker) return null;
  return (
    <>
      {saving && isSaving(saving) ? (
        <Button size="lg" className="max-sm:w-full" onClick={() => savings.stop(shareId)}>
          {messages.receive.saveCancel}
        </Button>
      ) : (
        <Button
          size="lg"
          className="max-sm:w-full"
          aria-describedby={hintId}
          onClick={() => void begin(saved, picker, onBegun)}
        >
          {messages.receive.saveAs}
        </Button>
      )}
      {saving?.phase.name !== 'saved' && (
        <p id={hintId} className="max-w-[60ch] basis-full text-ink-soft">
          {messages.receive.saveHint}
        </p>
      )}
      <Progress saving={saving} readyBytes={saved.readyBytes} />
      {saving && <Refusal saving={saving} />}
    </>
  );
}

async function begin({ share, file, name }: Saved, picker: SavePicker, onBegun: () => void): Promise<void> {
  const handle = await picker({ suggestedName: name }).catch(() => null);
  if (!handle) return;
  onBegun();
  await savings.begin(share.shareId, { name, sizeBytes: file.sizeBytes }, (show, signal) =>
    withFreshRight(share, async () => {
      const write = await writerOf(share);
      return await write(handle, file, show, signal);
    }),
  );
}

/** How far it is; empty places for it while nothing was begun. */
function Progress({ saving, readyBytes }: { readonly saving: Saving | undefined; readonly readyBytes: number }) {
  const { messages, format } = useLanguage();
  const isHeard = useSyncExternalStore(live.subscribe, live.read) === 'connected';
  const say = (part: number) => {
    if (!saving) return '';
    if (waitsForSender(saving.phase, saving.savedBytes, readyBytes, isHeard)) {
      return messages.receive.saveForSender(format.percent(part));
    }
    return statusOf(saving, part, messages, format);
  };
  const part = saving ? partOf(saving) : 0;
  const said = say(part);
  const isHeld = saving?.phase.name === 'waiting' || saving?.phase.name === 'offline';
  return (
    <>
      <ul aria-hidden="true" className="tabular flex basis-full flex-wrap gap-x-5 text-ink-soft empty:hidden">
        {said && <li className={isHeld ? 'font-medium text-amber-ink' : ''}>{said}</li>}
        {saving?.phase.name === 'saving' && (
          <Pace
            bytesPerSecond={saving.bytesPerSecond}
            leftMs={leftMsAt(saving.bytesPerSecond, saving.savedBytes, saving.sizeBytes)}
          />
        )}
      </ul>
      <p role="status" className="sr-only">
        {/* Each change, and every quarter of the way; not every byte. */}
        {say(Math.floor(part * 4) / 4)}
      </p>
    </>
  );
}

function partOf({ savedBytes, sizeBytes }: Saving): number {
  return sizeBytes === 0 ? 1 : savedBytes / sizeBytes;
}

function statusOf({ phase }: Saving, part: number, messages: Messages, format: Formatter): string {
  const percent = format.percent(part);
  switch (phase.name) {
    case 'saving':
      return messages.receive.saving(percent);
    case 'moving':
      return messages.receive.saveMoving(percent);
    case 'waiting':
      return messages.receive.saveWaiting(explainFault(phase.fault, messages, format, true).title, percent);
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
  const { title, advice } = explainToReader(phase.fault, messages, format);
  return (
    <Notice tone="loss" title={title}>
      {advice}
    </Notice>
  );
}
