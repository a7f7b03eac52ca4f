import { useState } from 'react';
import { Button } from '../../components/ui/Button.tsx';
import { SelectField } from '../../components/ui/Field.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { Sheet } from '../../components/ui/Sheet.tsx';
import { api } from '../../lib/api.ts';
import { expiryChoices } from '../../lib/expiry-choices.ts';
import { type ListedTransfer, nameOfTransfer } from '../../lib/listed-transfer.ts';
import { session } from '../../lib/session.ts';
import { useStore } from '../../lib/store.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { serverClock } from '../../transfer-engine/server-clock.ts';

export function ExtendSheet({
  transfer,
  onClose,
  onSaved,
}: {
  readonly transfer: ListedTransfer;
  readonly onClose: () => void;
  readonly onSaved: () => void;
}) {
  const { messages, format } = useLanguage();
  const state = useStore(session);
  const choices = state.name === 'ready' ? expiryChoices(state.answer.limits, messages, format) : [];
  const leftSeconds = (Date.parse(transfer.expiresAt) - serverClock.nowMs()) / 1000;
  // The next longer one than what is left: the likely wish.
  const likely = choices.find(({ seconds }) => seconds > leftSeconds + 60) ?? choices.at(-1);
  const [chosen, setChosen] = useState<string | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const value = chosen ?? String(likely?.seconds ?? '');
  const save = async () => {
    setIsBusy(true);
    const answer = await api.change(transfer.id, { expiresInSeconds: Number(value) });
    setIsBusy(false);
    if (answer.ok) onSaved();
    else setFault(answer.fault);
  };
  const explanation = fault ? explainFault(fault, messages, format) : null;
  return (
    <Sheet
      title={messages.mine.extendOf(nameOfTransfer(transfer))}
      description={messages.mine.extendText}
      onClose={onClose}
    >
      <SelectField
        label={messages.mine.extendTitle}
        value={value}
        onChange={setChosen}
        choices={choices.map(({ seconds, label }) => ({ value: String(seconds), label }))}
      />
      {explanation && (
        <Notice tone="loss" title={explanation.title}>
          {explanation.advice}
        </Notice>
      )}
      <Button variant="primary" isBusy={isBusy} disabled={value === ''} onClick={() => void save()}>
        {messages.mine.extendSave}
      </Button>
    </Sheet>
  );
}
