import { encode } from 'uqr';
import { useLanguage } from '../messages/language.tsx';

/** An address as a QR code. One path of unit squares: crisp at any size, and no inline style for the page's policy to refuse. */
export function QrCode({ link, className = 'w-full' }: { readonly link: string; readonly className?: string }) {
  const { messages } = useLanguage();
  // ISO/IEC 18004 wants four light squares around it, which a dark page does not give.
  const { data, size } = encode(link, { ecc: 'M', border: 4 });
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <svg
      role="img"
      aria-label={messages.upload.qrLabel(link)}
      viewBox={`0 0 ${size} ${size}`}
      shapeRendering="crispEdges"
      className={`rounded-sm ${className}`}
    >
      <rect width={size} height={size} fill="white" />
      <path d={path} fill="black" />
    </svg>
  );
}
