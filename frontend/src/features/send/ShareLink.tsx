import { QrCode, Share2 } from 'lucide-react';
import { useState } from 'react';
import { LaterPart, usePartAtHand } from '../../components/LaterPart.tsx';
import { qrSheet } from '../../components/qr-sheet.ts';
import { Button } from '../../components/ui/Button.tsx';
import { CopyButton } from '../../components/ui/CopyButton.tsx';
import { useLanguage } from '../../messages/language.tsx';

/** The link, large enough to read aloud, with every way to hand it on that this browser has. */
export function ShareLink({ link }: { readonly link: string }) {
  const { messages } = useLanguage();
  const [isQrOpen, setIsQrOpen] = useState(false);
  usePartAtHand(qrSheet);
  const canShare = typeof navigator.share === 'function';
  const [origin, path] = splitLink(link);
  const share = () => {
    // Rejects when the person closes the sheet: that is an answer, not a fault.
    navigator.share({ url: link }).catch(() => {});
  };
  return (
    <div className="flex flex-col gap-5">
      <a
        href={link}
        dir="ltr"
        aria-label={`${messages.upload.linkLabel}: ${link}`}
        className="name-start text-2xl font-medium tracking-[-0.02em] break-all decoration-1 underline-offset-8 hover:underline sm:text-3xl"
      >
        <span className="text-ink-soft">{origin}</span>
        {path}
      </a>
      <div className="flex flex-wrap gap-2">
        <CopyButton text={link} label={messages.upload.copy} variant="primary" className="min-w-36 max-sm:flex-1" />
        <Button onClick={() => setIsQrOpen(true)}>
          <QrCode aria-hidden className="size-5" strokeWidth={1.5} />
          {messages.upload.qr}
        </Button>
        {canShare && (
          <Button onClick={share}>
            <Share2 aria-hidden className="size-5" strokeWidth={1.5} />
            {messages.upload.share}
          </Button>
        )}
      </div>
      {isQrOpen && (
        <LaterPart part={qrSheet}>
          {(QrSheet) => <QrSheet title={messages.upload.qrTitle} link={link} onClose={() => setIsQrOpen(false)} />}
        </LaterPart>
      )}
    </div>
  );
}

/** The part every link shares, and the part that is this one's own. */
function splitLink(link: string): readonly [string, string] {
  const at = link.indexOf('/d/');
  return at < 0 ? ['', link] : [link.slice(0, at + 3), link.slice(at + 3)];
}
