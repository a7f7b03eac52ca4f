import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import * as engineCode from '@prisma/schema-engine-wasm/schema_engine_bg';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { applyMigrations, readMigrations } from '../../../services/database/migrate.ts';
import { migrationConnectionOfPglite } from '../../../services/database/migration-connections.ts';
import { migrationsDirectory } from '../../../services/database/open-database.ts';

/** TypeScript knows WebAssembly only among the browser's types. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: { __wbindgen_start(): void } };
};

/**
 * Applies our migrations to a throw-away PGlite and lets Prisma's schema engine bring it to prisma/schema.prisma as
 * `prisma db push` would; then runs the SQL of the first argument and asks the engine again. Prints both answers, a line
 * each: 0 steps = no drift. A process of its own: the engine's native program is not to be had from the registry, and its
 * WebAssembly does not run in Jest's realm.
 */
async function report(): Promise<void> {
  const pglite = await PGlite.create();
  await applyMigrations(migrationConnectionOfPglite(pglite), readMigrations(migrationsDirectory()));
  startEngine();
  const content = readFileSync(path.join(migrationsDirectory(), '..', 'schema.prisma'), 'utf8');
  const engine = await engineCode.SchemaEngine.new(
    { datamodels: [['schema.prisma', content]] },
    () => undefined,
    answeringResults(new PrismaPGlite(pglite)),
  );
  const schema = { files: [{ path: 'schema.prisma', content }] };
  const filters = { externalTables: [], externalEnums: [] };
  const push = async () => `${JSON.stringify(await engine.schemaPush({ force: true, schema, filters }))}\n`;
  const asMigrated = await push();
  await pglite.exec(process.argv[2] ?? '');
  // The engine keeps its connection, so PGlite would never close.
  process.stdout.write(asMigrated + (await push()), () => process.exit(0));
}

function startEngine(): void {
  const folder = path.dirname(require.resolve('@prisma/schema-engine-wasm/schema_engine_bg'));
  const module = new WebAssembly.Module(readFileSync(path.join(folder, 'schema_engine_bg.wasm')));
  const { exports } = new WebAssembly.Instance(module, { './schema_engine_bg.js': engineCode });
  (engineCode as unknown as { __wbg_set_wasm(exports: object): void }).__wbg_set_wasm(exports);
  exports.__wbindgen_start();
}

/** The engine wants each answer of an adapter as `{ ok, value }`, and so the answers of the adapters that these open. */
function answeringResults<T extends object>(adapter: T): T {
  const toResult = (value: unknown) => ({ ok: true, value: isAdapter(value) ? answeringResults(value) : value });
  return new Proxy(adapter, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const answer: unknown = Reflect.apply(member, target, args);
        return answer instanceof Promise ? answer.then(toResult) : toResult(answer);
      };
    },
  });
}

function isAdapter(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'queryRaw' in value;
}

void report();
