import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { copyText } from '../../lib/copy-text.ts';
import { useLanguage } from '../../messages/language.tsx';
import { Button } from './Button.tsx';

const SHOWN_MS = 2_500;

/** Copies `text` and says so, in sight and for screen readers; where copying is refused it says what to do instead. */
export function CopyButton({
  text,
  label,
  variant = 'secondary',
  size = 'md',
  className = '',
  name,
}: {
  readonly text: string;
  readonly label: string;
  readonly variant?: 'primary' | 'secondary' | 'quiet';
  readonly size?: 'md' | 'lg';
  readonly className?: string;
  /** Accessible name when the label alone does not say which of several. */
  readonly name?: string;
}) {
  const { messages } = useLanguage();
  const [outcome, setOutcome] = useState<'none' | 'copied' | 'refused'>('none');
  useEffect(() => {
    if (outcome === 'none') return;
    const timer = setTimeout(() => setOutcome('none'), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => setOutcome((await copyText(text)) ? 'copied' : 'refused');
  const said = outcome === 'copied' ? messages.upload.copied : messages.upload.copyFailed;
  return (
    <>
      <Button
        variant={variant}
        size={size}
        className={className}
        onClick={copy}
        {...(name ? { 'aria-label': name } : {})}
      >
        {outcome === 'copied' ? (
          <Check aria-hidden className="size-5" strokeWidth={1.5} />
        ) : (
          <Copy aria-hidden className="size-5" strokeWidth={1.5} />
        )}
        {outcome === 'none' ? label : said}
      </Button>
      <span role="status" className="sr-only">
        {outcome === 'none' ? '' : said}
      </span>
    </>
  );
}
