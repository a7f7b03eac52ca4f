import { encode } from 'uqr';
import { useLanguage } from '../messages/language.tsx';
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
  const { data, size } = encode(link, { ecc: 'M', border: 2 });
  // One path of unit squares: crisp at any size, and no inline style for the page's policy to refuse.
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <Sheet title={title} onClose={onClose}>
      <svg
        role="img"
        aria-label={messages.upload.qrLabel(link)}
        viewBox={`0 0 ${size} ${size}`}
        shapeRendering="crispEdges"
        className="w-full rounded-sm"
      >
        <rect width={size} height={size} fill="white" />
        <path d={path} fill="black" />
      </svg>
      <p dir="ltr" className="text-center font-mono text-sm break-all text-ink-soft">
        {link}
      </p>
      <CopyButton text={link} label={messages.upload.copy} />
    </Sheet>
  );
}
