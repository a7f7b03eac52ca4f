import { QrCode } from '../../components/QrCode.tsx';
import { useLanguage } from '../../messages/language.tsx';
import { roomLink } from './room-link.ts';

/** Nobody else is here: how the other device comes in. */
export function RoomInvitation({ code }: { readonly code: string | null }) {
  const { messages } = useLanguage();
  const words = messages.people.list;
  return (
    <div className="flex flex-wrap items-center gap-x-12 gap-y-6 py-6">
      <div className="flex min-w-0 flex-1 basis-72 flex-col gap-3">
        <h2 className="text-2xl font-semibold tracking-[-0.03em]">{words.emptyTitle}</h2>
        <p className="max-w-[46ch] text-lg text-ink-soft">{code === null ? words.emptyLocal : words.emptyNamed}</p>
        {code !== null && (
          <a
            href={roomLink(code)}
            dir="ltr"
            className="name-start font-mono break-all text-ink underline decoration-1 underline-offset-4"
          >
            {roomLink(code)}
          </a>
        )}
      </div>
      {code !== null && <QrCode link={roomLink(code)} className="w-44" />}
    </div>
  );
}
