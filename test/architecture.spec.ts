import { describe, expect, it } from '@jest/globals';
import { isTestPath, RULE_NAMES, readSource, violationsOf } from './house/import-law.ts';
import { filesAt, filesUnder, readText } from './house/tree.ts';

/** One file, or two, that break exactly the rule they stand under. */
const BREAKERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'contracts import nothing': { 'services/contracts/a.ts': "import { z } from 'zod';" },
  'kernel imports at most contracts': { 'services/kernel/a.ts': "import { readFile } from 'node:fs/promises';" },
  'a domain imports contracts, kernel and its own folder, and knows no outside world': {
    'services/transfer/manifest.ts': "import type { FsChunkStore } from './adapters/fs-chunk-store.ts';",
  },
  'a service reaches other services only by calls and events': {
    'services/stats/stats.service.ts': "const session = await import('../session/presence.ts');",
  },
  'services import of the tree only services, the addon and the Prisma client': {
    'services/transfer/adapters/a.ts': "import { compress } from '../../../native/fallback/compress.ts';",
  },
  'nothing imports main.ts': { 'services/define-service.ts': "import { start } from './main.ts';" },
  'only main.ts imports what composes a node': {
    'services/listen.ts': "import { composeNode } from './composition/compose-node.ts';",
  },
  'production code imports no tests': {
    'services/define-service.ts': "import { startServer } from './session/session.test.ts';",
  },
  'process.env is read in config.ts only': {
    'services/node/health.ts': 'const { env } = process; export const port = env.PORT;',
  },
  'import.meta.env is read in frontend/src/config/env.ts only': {
    'frontend/src/lib/a.ts': 'export const url = import.meta.env.VITE_WS_URL;',
  },
  'native knows nothing of services': { 'native/index.ts': "import type { A } from '../services/contracts/http.ts';" },
  'the front end imports of the tree only itself and contracts': {
    'frontend/src/lib/a.ts': "import { ids } from '../../../services/kernel/ids.ts';",
  },
  'features do not import features': {
    'frontend/src/features/send/a.tsx': "import { List } from '../receive/list.tsx';",
  },
  'the transfer engine knows no React and nothing of the page': {
    'frontend/src/transfer-engine/queue.ts': "import { useState } from 'react';",
  },
  'the page flows one way: components and lib import no feature, features no app': {
    'frontend/src/components/ui/button.tsx': "import { routes } from '../../app/routes.tsx';",
  },
  'relative imports carry their extension and lead to a file': {
    'services/define-service.ts': "import { limits } from './contracts/limits';",
  },
  'no default exports but for tools': { 'services/kernel/clock.ts': 'const now = 1; export { now as default };' },
  'no barrels': { 'services/kernel/index.ts': "export * from './clock.ts';" },
  'no file over 500 lines': { 'services/kernel/clock.ts': 'export const a = 1;\n'.repeat(500) },
  'no cycles': {
    'services/kernel/a.ts': "import type { B } from './b.ts'; export type A = B;",
    'services/kernel/b.ts': "import type { A } from './a.ts'; export type B = A;",
  },
};

describe('the import law', () => {
  it.each(RULE_NAMES)('notices who breaks it: %s', (rule) => {
    const files = Object.entries(BREAKERS[rule] ?? {}).map(([path, source]) => readSource(path, source));
    expect(violationsOf(files).map((violation) => violation.rule)).toEqual([rule]);
  });

  it('lets what the law allows pass', () => {
    const files = Object.entries({
      'services/main.ts':
        "import { config } from './config.ts'; import { FsChunkStore } from './transfer/adapters/a.ts';",
      'services/config.ts': 'export const config = process.env.PORT;',
      'services/transfer/adapters/a.ts':
        "import { open } from 'node:fs/promises'; import type { ChunkStore } from '../ports.ts'; export class FsChunkStore {}",
      'services/transfer/ports.ts':
        "import type { State } from '../contracts/http.ts'; export type ChunkStore = State;",
      'services/gateway/edge.ts':
        "import type { DataPlane } from '../transfer/data-plane/data-plane.ts'; export type A = DataPlane;",
      'moleculer.config.ts': 'export default {};',
    }).map(([path, source]) => readSource(path, source));
    expect(violationsOf(files)).toEqual([]);
  });

  it('holds in this tree', () => {
    const paths = ['services', 'native', 'frontend'].flatMap((folder) => filesUnder(folder, /\.tsx?$/));
    const sources = [...paths, ...filesAt(/\.config\.ts$/)].filter((path) => !isTestPath(path));
    const files = sources.map((path) => readSource(path, readText(path)));
    expect(files.length).toBeGreaterThan(50);
    expect(violationsOf(files)).toEqual([]);
  });
});
