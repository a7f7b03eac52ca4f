import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

const undoing: (() => void | Promise<void>)[] = [];

/** Runs when the test file has ended, last registered first, whatever its tests did. */
export function atEnd(undo: () => void | Promise<void>): void {
  undoing.push(undo);
}

afterAll(async () => {
  const faults: unknown[] = [];
  for (const undo of undoing.splice(0).reverse()) {
    try {
      await undo();
    } catch (fault) {
      faults.push(fault);
    }
  }
  if (faults.length > 0) throw new AggregateError(faults, 'cleaning up after the tests failed');
}, 60_000);

/** A new folder under the system's temporary one; gone when the test file has ended. */
export function tempDirectory(name = 'test'): string {
  const path = mkdtempSync(join(tmpdir(), `peerlink-${name}-`));
  atEnd(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
