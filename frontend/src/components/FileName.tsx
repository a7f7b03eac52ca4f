import { useLanguage } from '../messages/language.tsx';

/**
 * A file's name or relative path: in its own direction, from where the page begins its lines, and cut at its own end
 * where one line has no room for it.
 * @param isListed in a list of files: there it is never cut, since the end of a name says what kind of file it is
 */
export function FileName({
  path,
  isListed = false,
  className = '',
}: {
  readonly path: string;
  readonly isListed?: boolean;
  readonly className?: string;
}) {
  const cut = path.lastIndexOf('/') + 1;
  return (
    <span
      dir="auto"
      className={`name-start block min-w-0 ${isListed ? '[overflow-wrap:anywhere]' : 'truncate'} ${className}`}
    >
      {cut > 0 && <span className="text-ink-soft">{path.slice(0, cut)}</span>}
      {path.slice(cut)}
    </span>
  );
}

/** Of a link that is a transfer's name: larger than it looks, for a thumb. */
export const NAME_LINK = 'relative -my-2.5 block w-fit max-w-full py-2.5 underline-offset-4 hover:underline';

/** What a transfer is called: its first file, and how many more there are. */
export function TransferName({ name, fileCount }: { readonly name: string; readonly fileCount: number }) {
  const { messages, format } = useLanguage();
  const others = fileCount - 1;
  if (others < 1) return <FileName path={name} />;
  return (
    <span className="flex min-w-0 gap-[0.4ch]">
      <FileName path={name} /> <span className="shrink-0">{messages.mine.moreThan(others, format.count(others))}</span>
    </span>
  );
}
