import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { entryOf } from './page-entry.ts';

describe('the script that a page begins with', () => {
  it('is found in what a build makes and in the page it is made of', () => {
    const built = '<head><script type="module" crossorigin src="/assets/index-BkC2.js"></script><link href="/a.css">';
    expect(entryOf(built)).toBe('/assets/index-BkC2.js');
    expect(entryOf(readFileSync(join(process.cwd(), 'frontend/index.html'), 'utf8'))).toBe('/src/main.tsx');
  });

  it('is not found where another page answers', () => {
    expect(entryOf('<h1>The page has not been built yet</h1>')).toBeNull();
  });
});
