import { Button } from '../../components/ui/Button.tsx';
import { Sheet } from '../../components/ui/Sheet.tsx';
import { useLanguage } from '../../messages/language.tsx';

export function CancelSheet({ onCancel, onClose }: { readonly onCancel: () => void; readonly onClose: () => void }) {
  const { messages } = useLanguage();
  return (
    <Sheet title={messages.upload.cancelTitle} description={messages.upload.cancelText} onClose={onClose}>
      <div className="flex flex-col gap-2 sm:flex-row-reverse">
        <Button variant="danger" className="sm:flex-1" onClick={onCancel}>
          {messages.upload.cancelYes}
        </Button>
        <Button className="sm:flex-1" onClick={onClose}>
          {messages.upload.cancelNo}
        </Button>
      </div>
    </Sheet>
  );
}
