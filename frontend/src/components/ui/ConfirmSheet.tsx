import { Button } from './Button.tsx';
import { Sheet } from './Sheet.tsx';

/** Asks once more before something is lost for good. */
export function ConfirmSheet({
  title,
  text,
  yes,
  no,
  onYes,
  onClose,
  successor,
}: {
  readonly title: string;
  /** What is lost. */
  readonly text: string;
  readonly yes: string;
  readonly no: string;
  readonly onYes: () => void;
  readonly onClose: () => void;
  /** As of a sheet: what has the focus once Yes took away what opened it. */
  readonly successor?: () => HTMLElement | null;
}) {
  return (
    <Sheet title={title} description={text} onClose={onClose} successor={successor}>
      <div className="flex flex-col gap-2 sm:flex-row-reverse">
        <Button variant="danger" className="sm:flex-1" onClick={onYes}>
          {yes}
        </Button>
        <Button className="sm:flex-1" onClick={onClose}>
          {no}
        </Button>
      </div>
    </Sheet>
  );
}
