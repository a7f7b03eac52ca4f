import { useEffect, useEffectEvent, useState } from 'react';
import { claimDrop } from './collect-files.ts';
import { carriesFiles, DraggedOver } from './dragged-over.ts';

/** Takes files that are dropped anywhere on the page, unless something on it has. Answers whether some are being dragged over it. */
export function useFilesDragged(onDrop: (transfer: DataTransfer) => void): boolean {
  const [isDragging, setIsDragging] = useState(false);
  const dropped = useEffectEvent(onDrop);
  useEffect(() => {
    const over = new DraggedOver();
    const enter = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      over.entered(event.target);
      setIsDragging(over.isOver);
    };
    const leave = (event: DragEvent) => {
      over.left(event.target);
      setIsDragging(over.isOver);
    };
    const drop = (event: DragEvent) => {
      over.ended();
      setIsDragging(false);
      if (!event.dataTransfer || !carriesFiles(event) || !claimDrop(event)) return;
      event.preventDefault();
      dropped(event.dataTransfer);
    };
    window.addEventListener('dragenter', enter);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragenter', enter);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, []);
  return isDragging;
}
