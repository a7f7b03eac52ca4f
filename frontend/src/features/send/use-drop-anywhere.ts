import { useEffect } from 'react';
import { takeDrop } from '../../lib/collect-files.ts';
import { carriesFiles } from '../../lib/dragged-over.ts';
import { useFilesDragged } from '../../lib/use-files-dragged.ts';

/** Makes the whole page a drop target for files. Answers whether something is being dragged over it. */
export function useDropAnywhere(onDrop: (found: ReturnType<typeof takeDrop>) => void): boolean {
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
    };
    window.addEventListener('dragover', over);
    return () => window.removeEventListener('dragover', over);
  }, []);
  return useFilesDragged((transfer) => onDrop(takeDrop(transfer)));
}
