// Makes prebuilds/<platform>-<arch>/net_io.<libc>.node, which `npm pack` packs: `node scripts/prebuild.mjs`.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { copyForBuild, headerFolder, lastLines, nodeGypPath, packageFolder } from './node-gyp.mjs';

const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js');
const folder = copyForBuild();

try {
  const headers = headerFolder();
  const target = process.versions.node;
  // Node-API 8: one binary serves every Node from 16 on; the C library is in its name.
  const result = spawnSync(
    process.execPath,
    [
      prebuildify,
      '--napi',
      '--strip',
      '--tag-libc',
      `--target=${target}`,
      '--name=net_io',
      `--node-gyp=${nodeGypPath()}`,
    ],
    {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      env: { ...process.env, ...(headers === undefined ? {} : { npm_config_nodedir: headers }) },
    },
  );
  if (result.status !== 0) throw new Error(`prebuildify failed\n${lastLines(result)}`);
  cpSync(join(folder, 'prebuilds'), join(packageFolder, 'prebuilds'), { recursive: true });
  for (const tuple of readdirSync(join(folder, 'prebuilds'))) {
    console.log(`net_io: prebuilds/${tuple}/${readdirSync(join(folder, 'prebuilds', tuple)).join(' ')}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
