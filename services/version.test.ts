import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readRelease } from './version.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const OTHER = 'fedcba9876543210fedcba9876543210fedcba98';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'peerlink-version-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The commit of a tree that has these files, under their paths, besides package.json. */
function commitOf(files: Readonly<Record<string, string>>): string | null {
  for (const [path, content] of Object.entries({ 'package.json': '{"version":"1.2.3"}', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const { version, commit } = readRelease(root);
  expect(version).toBe('1.2.3');
  return commit;
}

describe('the commit of a tree', () => {
  it('is what an image says, even beside a clone', () => {
    expect(commitOf({ COMMIT: `${COMMIT}\n`, '.git/HEAD': OTHER })).toBe(COMMIT);
  });

  it("is the one of the clone's branch", () => {
    expect(commitOf({ '.git/HEAD': 'ref: refs/heads/main\n', '.git/refs/heads/main': `${COMMIT}\n` })).toBe(COMMIT);
  });

  it('is found where git has packed the branches', () => {
    const packed = `# pack-refs with: peeled fully-peeled sorted\n${OTHER} refs/heads/domain\n${COMMIT} refs/heads/main\n`;
    expect(commitOf({ '.git/HEAD': 'ref: refs/heads/main\n', '.git/packed-refs': packed })).toBe(COMMIT);
  });

  it('is the checked out one without a branch', () => {
    expect(commitOf({ '.git/HEAD': `${COMMIT}\n` })).toBe(COMMIT);
  });

  it("is the one of a worktree's branch", () => {
    const files = {
      '.git': 'gitdir: clone/.git/worktrees/side\n',
      'clone/.git/worktrees/side/HEAD': 'ref: refs/heads/side\n',
      'clone/.git/worktrees/side/commondir': '../..\n',
      'clone/.git/refs/heads/side': `${COMMIT}\n`,
    };
    expect(commitOf(files)).toBe(COMMIT);
  });

  it('is none without a clone, on a branch without a commit, or when the files say something else', () => {
    expect(commitOf({})).toBeNull();
    expect(commitOf({ '.git/HEAD': 'ref: refs/heads/main\n', '.git/packed-refs': '' })).toBeNull();
    expect(commitOf({ '.git/refs/heads/main': 'not a commit\n' })).toBeNull();
  });
});
