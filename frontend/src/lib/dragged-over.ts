/** Whether a drag carries files. What is in them is only known when they are let go. */
export function carriesFiles({ dataTransfer }: Pick<DragEvent, 'dataTransfer'>): boolean {
  return dataTransfer?.types.includes('Files') ?? false;
}

/** Whether a browser knows by itself what to do with a drag: text that is let go over a field is written there. */
export function isForField(event: Pick<DragEvent, 'dataTransfer' | 'target'>): boolean {
  if (carriesFiles(event) || !event.target || !('closest' in event.target)) return false;
  return (event.target as Element).closest('input, textarea') !== null;
}

interface Place extends EventTarget {
  readonly isConnected?: boolean;
}

/**
 * What of the page a drag is over. Entering a child is told before leaving its parent, some browsers tell of an entering
 * twice, and what goes away meanwhile is never left: counting them would sooner or later show a drag that is over.
 */
export class DraggedOver {
  readonly #places = new Set<Place>();

  entered(place: EventTarget | null): void {
    if (place) this.#places.add(place);
  }

  left(place: EventTarget | null): void {
    if (place) this.#places.delete(place);
  }

  ended(): void {
    this.#places.clear();
  }

  get isOver(): boolean {
    for (const place of this.#places) if (place.isConnected === false) this.#places.delete(place);
    return this.#places.size > 0;
  }
}
