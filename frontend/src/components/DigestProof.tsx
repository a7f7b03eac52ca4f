import { ChevronDown, ShieldCheck } from 'lucide-react';
import { useLanguage } from '../messages/language.tsx';
import { IconButton } from './ui/Button.tsx';
import { CopyButton } from './ui/CopyButton.tsx';

/** A file's name as one word of a POSIX shell. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The digest on demand, with the line that checks it. A disclosure of the browser's own: works by keyboard as it is. */
export function DigestProof({ name, digest }: { readonly name: string; readonly digest: string }) {
  const { messages } = useLanguage();
  return (
    <details className="group">
      <summary className="inline-flex min-h-11 list-none items-center gap-2 text-ink-soft hover:text-ink [&::-webkit-details-marker]:hidden">
        <ShieldCheck aria-hidden className="size-5" strokeWidth={1.5} />
        {messages.digest.verified}
        <ChevronDown
          aria-hidden
          className="size-4 transition-transform duration-150 group-open:rotate-180"
          strokeWidth={1.5}
        />
      </summary>
      <DigestDetails name={name} digest={digest} />
    </details>
  );
}

/** The proof of several files at once: each has its own digest, in the list. */
export function ProofOfMany({ fileCount }: { readonly fileCount: number }) {
  const { messages, format } = useLanguage();
  return (
    <p className="flex min-h-11 gap-2 py-2.5 text-ink-soft">
      <ShieldCheck aria-hidden className="mt-0.5 size-5 shrink-0" strokeWidth={1.5} />
      {messages.digest.verifiedEach(fileCount, format.count(fileCount))}
    </p>
  );
}

/** The digest and how to check it. */
export function DigestDetails({ name, digest }: { readonly name: string; readonly digest: string }) {
  const { messages } = useLanguage();
  // Two spaces: the form that `b3sum --check` reads.
  const command = `echo ${shellWord(`${digest}  ${name}`)} | b3sum --check`;
  return (
    <div className="animate-rise flex flex-col gap-3 pt-2 pb-3">
      <p className="text-sm text-ink-soft">{messages.digest.of(name)}</p>
      <code dir="ltr" className="name-start font-mono text-sm break-all">
        {digest}
      </code>
      <p className="text-sm text-ink-soft">{messages.digest.check}</p>
      <code dir="ltr" className="rounded-sm bg-cell px-3 py-2 font-mono text-xs break-all whitespace-pre-wrap">
        {command}
      </code>
      <div className="flex flex-wrap gap-2">
        <CopyButton text={digest} label={messages.digest.copy} />
        <CopyButton text={command} label={messages.digest.copyLine} />
      </div>
    </div>
  );
}

/** The button of a row in a list that shows that row's digest. */
export function DigestToggle({
  name,
  isOpen,
  onToggle,
  className = '',
}: {
  readonly name: string;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
  readonly className?: string;
}) {
  const { messages } = useLanguage();
  return (
    <IconButton label={messages.digest.of(name)} aria-expanded={isOpen} className={className} onClick={onToggle}>
      <ShieldCheck aria-hidden className="size-5" strokeWidth={1.5} />
    </IconButton>
  );
}
