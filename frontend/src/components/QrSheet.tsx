import { useLanguage } from '../messages/language.tsx';
import { QrCode } from './QrCode.tsx';
import { CopyButton } from './ui/CopyButton.tsx';
import { Sheet } from './ui/Sheet.tsx';

/** An address as a QR code, for the device on the other side of the table. */
export function QrSheet({
  title,
  link,
  onClose,
}: {
  readonly title: string;
  readonly link: string;
  readonly onClose: () => void;
}) {
  const { messages } = useLanguage();
  return (
    <Sheet title={title} onClose={onClose}>
      <QrCode link={link} />
      <p dir="ltr" className="text-center font-mono text-sm break-all text-ink-soft">
        {link}
      </p>
      <CopyButton text={link} label={messages.upload.copy} />
    </Sheet>
  );
}
