import { describe, expect, it } from '@jest/globals';
import { carriesFiles, DraggedOver, isForField } from './dragged-over.ts';

const place = (isConnected = true) => Object.assign(new EventTarget(), { isConnected });

describe('what a drag is over', () => {
  it('is the page until it has been left by each way on which it was entered', () => {
    const over = new DraggedOver();
    const [page, child] = [place(), place()];
    over.entered(page);
    over.entered(child);
    over.left(page);
    expect(over.isOver).toBe(true);
    over.left(child);
    expect(over.isOver).toBe(false);
  });

  it('is nothing any more although what went away meanwhile was never left', () => {
    const over = new DraggedOver();
    const [page, row] = [place(), place()];
    over.entered(row);
    row.isConnected = false;
    over.entered(page);
    expect(over.isOver).toBe(true);
    over.left(page);
    expect(over.isOver).toBe(false);
  });

  it('is nothing after one leaving, also where a browser told twice of entering', () => {
    const over = new DraggedOver();
    const page = place();
    over.entered(page);
    over.entered(page);
    over.left(page);
    expect(over.isOver).toBe(false);
  });
});

describe('a drag', () => {
  const drag = (types: readonly string[], target: object | null) =>
    ({ dataTransfer: { types }, target }) as unknown as DragEvent;
  const inside = (wanted: string) => ({ closest: (selector: string) => (selector.includes(wanted) ? {} : null) });

  it('of text over a field is the browser’s own, and everything else would replace the page', () => {
    expect(isForField(drag(['text/plain'], inside('textarea')))).toBe(true);
    expect(isForField(drag(['text/plain'], inside('nothing')))).toBe(false);
    expect(isForField(drag(['Files'], inside('textarea')))).toBe(false);
    expect(isForField(drag(['text/uri-list'], null))).toBe(false);
  });

  it('carries files when the browser says so', () => {
    expect(carriesFiles(drag(['text/plain', 'Files'], null))).toBe(true);
    expect(carriesFiles(drag(['text/plain'], null))).toBe(false);
    expect(carriesFiles({ dataTransfer: null })).toBe(false);
  });
});
