import { describe, expect, it } from '@jest/globals';
import { TitleStack } from './title-stack.ts';

describe('the title in the tab', () => {
  it('is the innermost one, and that of what is around it when it is gone', () => {
    const titles = new TitleStack('PeerLink');
    const [page, panel] = [titles.takePlace(), titles.takePlace()];
    // Effects run from within to without: the panel says its title before the page does.
    titles.set(panel, '43% · video.mp4');
    titles.set(page, 'Send');
    expect(titles.shown()).toBe('43% · video.mp4');
    titles.set(page, 'إرسال');
    expect(titles.shown()).toBe('43% · video.mp4');
    titles.set(panel, null);
    expect(titles.shown()).toBe('إرسال');
    titles.set(page, null);
    expect(titles.shown()).toBe('PeerLink');
  });
});
