import { Eye, EyeOff } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { IconButton } from '../../components/ui/Button.tsx';
import { FIELD_CLASS, SelectField } from '../../components/ui/Field.tsx';
import { expiryChoices } from '../../lib/expiry-choices.ts';
import { session } from '../../lib/session.ts';
import { useStore } from '../../lib/store.ts';
import { useLanguage } from '../../messages/language.tsx';
import { changeOptions, type DraftOptions } from './draft-store.ts';

const DOWNLOAD_CHOICES = [1, 2, 5, 10, 100];
const MAX_NAME_CHARS = 64;

/** How long, how often, with what password, in whose name: all optional, all in one line on a desk. */
export function SendOptions({ options }: { readonly options: DraftOptions }) {
  const { messages, format } = useLanguage();
  const state = useStore(session);
  const answer = state.name === 'ready' ? state.answer : null;
  const expiries = answer ? expiryChoices(answer.limits, messages, format) : [];
  return (
    <div className="grid grid-cols-2 gap-x-4 gap-y-5 max-[20rem]:grid-cols-1 lg:grid-cols-4">
      <SelectField
        label={messages.send.keepFor}
        value={String(options.expiresInSeconds ?? answer?.limits.defaultExpirySeconds ?? '')}
        onChange={(value) => changeOptions({ expiresInSeconds: Number(value) })}
        choices={expiries.map(({ seconds, label }) => ({ value: String(seconds), label }))}
      />
      <SelectField
        label={messages.send.downloads}
        value={String(options.maxDownloads ?? '')}
        onChange={(value) => changeOptions({ maxDownloads: value === '' ? null : Number(value) })}
        choices={[
          { value: '', label: messages.send.noLimit },
          ...DOWNLOAD_CHOICES.map((count) => ({
            value: String(count),
            label: messages.send.downloadCount(count, format.count(count)),
          })),
        ]}
      />
      <PasswordField value={options.password} onChange={(password) => changeOptions({ password })} />
      <LabelledField label={messages.send.from}>
        {(id) => (
          <input
            id={id}
            type="text"
            {...(options.senderName ? { dir: 'auto' } : {})}
            maxLength={MAX_NAME_CHARS}
            autoComplete="nickname"
            placeholder={messages.send.fromPlaceholder}
            value={options.senderName ?? ''}
            onChange={(event) => changeOptions({ senderName: event.target.value || null })}
            className={FIELD_CLASS}
          />
        )}
      </LabelledField>
    </div>
  );
}

function LabelledField({ label, children }: { readonly label: string; readonly children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm text-ink-soft">
        {label}
      </label>
      {children(id)}
    </div>
  );
}

function PasswordField({ value, onChange }: { readonly value: string; readonly onChange: (value: string) => void }) {
  const { messages } = useLanguage();
  const [isShown, setIsShown] = useState(false);
  const Icon = isShown ? EyeOff : Eye;
  return (
    <LabelledField label={messages.send.password}>
      {(id) => (
        <div className="relative">
          <input
            id={id}
            type={isShown ? 'text' : 'password'}
            {...(value ? { dir: 'auto' } : {})}
            autoComplete="new-password"
            placeholder={messages.send.passwordPlaceholder}
            value={value}
            onChange={(event) => onChange(event.target.value)}
            className={`${FIELD_CLASS} ${value ? 'pe-11' : ''}`}
          />
          {value !== '' && (
            <IconButton
              label={isShown ? messages.send.hidePassword : messages.send.showPassword}
              className="absolute inset-y-0 end-0"
              onClick={() => setIsShown(!isShown)}
            >
              <Icon aria-hidden className="size-5" strokeWidth={1.5} />
            </IconButton>
          )}
        </div>
      )}
    </LabelledField>
  );
}
