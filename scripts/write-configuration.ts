/** Writes .env.example and docs/CONFIGURATION.md from services/config-variables.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findRootDirectory } from '../services/config.ts';
import { configurationPage, exampleFile } from '../services/config-variables.ts';

const root = findRootDirectory(__dirname);
writeFileSync(join(root, '.env.example'), exampleFile());
writeFileSync(join(root, 'docs', 'CONFIGURATION.md'), configurationPage());
