/** Whether a paste is not the page's: a field is written into, or a sheet is open and the page behind it out of reach. */
export function isPastedElsewhere(target: EventTarget | null): boolean {
  if (!target || !('closest' in target)) return false;
  return (target as Element).closest('input, textarea, select, [contenteditable], [role="dialog"]') !== null;
}
