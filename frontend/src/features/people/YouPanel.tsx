import { Check, Pencil, X } from 'lucide-react';
import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { MAX_DISPLAY_NAME_CHARS } from '../../../../services/contracts/limits.ts';
import type { Person } from '../../../../services/contracts/person.ts';
import { IconButton } from '../../components/ui/Button.tsx';
import { FIELD_CLASS } from '../../components/ui/Field.tsx';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useLanguage } from '../../messages/language.tsx';
import { PersonMark } from './PersonMark.tsx';
import { rename } from './room-store.ts';

/** As whom one is seen. */
export function YouPanel({ you }: { readonly you: Person }) {
  const { messages } = useLanguage();
  const words = messages.people.you;
  const [isChanging, setIsChanging] = useState(false);
  const pencilId = useId();
  return (
    <div className="flex min-w-0 items-center gap-3">
      <PersonMark id={you.id} className="size-12 sm:size-14" />
      {isChanging ? (
        <NameForm you={you} pencilId={pencilId} onDone={() => setIsChanging(false)} />
      ) : (
        <div className="min-w-0">
          <p className="text-sm text-ink-soft">{words.seenAs}</p>
          <div className="flex items-center">
            <p dir="auto" className="name-start truncate text-lg font-medium">
              {you.displayName}
            </p>
            <IconButton
              id={pencilId}
              label={words.change}
              className="-my-2 sm:-me-3"
              onClick={() => setIsChanging(true)}
            >
              <Pencil aria-hidden className="size-5" strokeWidth={1.5} />
            </IconButton>
          </div>
        </div>
      )}
    </div>
  );
}

function NameForm({
  you,
  pencilId,
  onDone,
}: {
  readonly you: Person;
  /** What opens it, and stands there again once it is done. */
  readonly pencilId: string;
  readonly onDone: () => void;
}) {
  const { messages } = useLanguage();
  const words = messages.people.you;
  const field = useRef<HTMLInputElement>(null);
  const [isRefused, setIsRefused] = useState(false);
  const errorId = useId();
  const form = useFocusHome<HTMLFormElement>(() => document.getElementById(pencilId));
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const name = field.current?.value.trim() ?? '';
    if (name === '' || name === you.displayName || (await rename(name))) onDone();
    else setIsRefused(true);
  };
  return (
    <form
      ref={form}
      onSubmit={submit}
      onKeyDown={(event) => event.key === 'Escape' && onDone()}
      className="flex flex-col gap-1"
    >
      <div className="flex items-center gap-1">
        <input
          ref={field}
          defaultValue={you.displayName}
          maxLength={MAX_DISPLAY_NAME_CHARS}
          aria-label={words.nameLabel}
          aria-invalid={isRefused}
          {...(isRefused ? { 'aria-describedby': errorId } : {})}
          dir="auto"
          autoComplete="nickname"
          className={`${FIELD_CLASS} sm:w-56`}
        />
        <IconButton type="submit" label={words.save}>
          <Check aria-hidden className="size-5" strokeWidth={1.5} />
        </IconButton>
        <IconButton label={words.cancel} onClick={onDone}>
          <X aria-hidden className="size-5" strokeWidth={1.5} />
        </IconButton>
      </div>
      {isRefused && (
        <p id={errorId} role="alert" className="text-sm text-red-ink">
          {words.refused}
        </p>
      )}
    </form>
  );
}
