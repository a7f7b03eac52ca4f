import { useEffect, useRef, useState } from 'react';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { Formatter } from '../../lib/format.ts';
import { type SavedFile, type SavedShare, savePicker, writerOf } from '../../lib/save-as.ts';
import type { Messages } from '../../messages/en.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { SavePhase } from '../../transfer-engine/file-saver.ts';
import { RateMeter } from '../../transfer-engine/rate-meter.ts';

/** Often enough to look live, seldom enough to cost nothing. */
const SHOWN_EVERY_MS = 200;

type SaveState =
  | { readonly name: 'idle' | 'refused' }
  | {
      readonly name: 'running';
      readonly phase: SavePhase;
      readonly share: number;
      readonly bytesPerSecond: number | null;
    };

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
  const [state, setState] = useState<SaveState>({ name: 'idle' });
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const picker = savePicker();
  if (!picker) return null;
  const begin = async () => {
    const handle = await picker({ suggestedName: name }).catch(() => null);
    if (!handle) return;
    onBegun();
    abort.current = new AbortController();
    const meter = new RateMeter();
    let shownAtMs = Number.NEGATIVE_INFINITY;
    let shown = '';
    const show = (phase: SavePhase, savedBytes: number) => {
      const nowMs = performance.now();
      if (phase.name === shown && nowMs - shownAtMs < SHOWN_EVERY_MS) return;
      shown = phase.name;
      shownAtMs = nowMs;
      meter.note(savedBytes, nowMs);
      const part = file.sizeBytes === 0 ? 1 : savedBytes / file.sizeBytes;
      setState({ name: 'running', phase, share: part, bytesPerSecond: meter.bytesPerSecond() });
    };
    show({ name: 'saving' }, 0);
    const { signal } = abort.current;
    const write = await writerOf(share);
    await write(handle, file, show, signal).catch(() => setState({ name: 'refused' }));
  };
  const isUnderWay = state.name === 'running' && ['saving', 'moving', 'offline'].includes(state.phase.name);
  return (
    <>
      {isUnderWay ? (
        <Button size="lg" className="max-sm:w-full" onClick={() => abort.current?.abort()}>
          {messages.receive.saveCancel}
        </Button>
      ) : (
        <Button size="lg" className="max-sm:w-full" title={messages.receive.saveHint} onClick={() => void begin()}>
          {messages.receive.saveAs}
        </Button>
      )}
      <p aria-hidden="true" className="tabular basis-full text-ink-soft empty:hidden">
        {statusOf(state, messages, format)}
      </p>
      {/* For screen readers: each change, and every quarter of the way; not every byte. */}
      <p role="status" className="sr-only">
        {statusOf(inQuarters(state), messages, format)}
      </p>
      <Refusal state={state} />
    </>
  );
}

function inQuarters(state: SaveState): SaveState {
  if (state.name !== 'running') return state;
  return { ...state, share: Math.floor(state.share * 4) / 4, bytesPerSecond: null };
}

function statusOf(state: SaveState, messages: Messages, format: Formatter): string {
  if (state.name !== 'running') return '';
  const percent = format.percent(state.share);
  switch (state.phase.name) {
    case 'saving':
      return messages.receive.saving(percent, state.bytesPerSecond ? format.rate(state.bytesPerSecond) : '');
    case 'moving':
      return messages.receive.saveMoving(percent);
    case 'offline':
      return messages.receive.saveOffline(percent);
    case 'saved':
      return messages.receive.saved;
    case 'cancelled':
    case 'failed':
      return '';
  }
}

function Refusal({ state }: { readonly state: SaveState }) {
  const { messages, format } = useLanguage();
  if (state.name === 'refused') {
    return (
      <Notice tone="loss" title={messages.receive.saveRefused}>
        {messages.receive.saveRefusedAdvice}
      </Notice>
    );
  }
  if (state.name !== 'running' || state.phase.name !== 'failed') return null;
  const { title, advice } = explainFault(state.phase.fault, messages, format);
  return (
    <Notice tone="loss" title={title}>
      {advice}
    </Notice>
  );
}
