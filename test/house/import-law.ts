import { posix } from 'node:path';
import { type ImportFact, type SourceFacts, sourceFacts } from './source-facts.ts';

/** A broken rule: who broke it, and what the rule says. */
export interface Violation {
  readonly file: string;
  readonly rule: string;
  readonly detail: string;
}

/** One file of the tree: its path from the root, with `/`, and its facts. */
export interface SourceFile {
  readonly path: string;
  readonly facts: SourceFacts;
}

/** An import with the path from the root that it leads to; undefined for a package. */
interface Edge extends ImportFact {
  readonly target: string | undefined;
}

type Rule = (file: SourceFile, edges: readonly Edge[]) => string[];

/** Nothing that opens a socket, a file, a process or a database belongs in a domain. */
const OUTSIDE_WORLD = [
  /^moleculer/,
  /^@prisma\//,
  /^@electric-sql\//,
  /^pglite-prisma-adapter$/,
  /^(pg|ioredis|nats|socket\.io|socket\.io-client|prom-client|pino)$/,
  /^(node:)?(fs|http|http2|https|net|tls|dgram|child_process|cluster|worker_threads)(\/|$)/,
];

/** More lines than this in one file is a fault. */
const MAX_FILE_LINES = 500;

const serviceOf = (path: string): string | undefined =>
  /^services\/(gateway|session|transfer|cluster|node|stats|operator)\//.exec(path)?.[1];
const isIn = (folder: string) => (path: string | undefined) => path?.startsWith(`${folder}/`) ?? false;
const isInContracts = isIn('services/contracts');
const isInKernel = isIn('services/kernel');
const isInComposition = isIn('services/composition');
const isServiceFile = (path: string) => path.endsWith('.service.ts');
const isInAdapters = (path: string) => /\/(adapters|data-plane|peer)\//.test(path);
/** The gateway is edge through and through: it has a transport and no domain. */
const isDomain = (path: string) =>
  serviceOf(path) !== undefined && serviceOf(path) !== 'gateway' && !isInAdapters(path) && !isServiceFile(path);
const isTool = (path: string) => /(^|\/)[\w.-]+\.config\.ts$/.test(path) || path.endsWith('.d.ts');

/**
 * The seam between gateway and data plane: the types of the door that main.ts hands over. Bytes never ride the bus,
 * so this one meeting of two services is not an action.
 */
const isDataPlaneDoor = (edge: Edge) => edge.isTypeOnly && edge.target === 'services/transfer/data-plane/data-plane.ts';

const wrong = (edges: readonly Edge[], isWrong: (edge: Edge) => boolean): string[] =>
  edges.filter(isWrong).map((edge) => edge.specifier);

const RULES: Readonly<Record<string, Rule>> = {
  'contracts import nothing': ({ path }, edges) =>
    isInContracts(path) ? wrong(edges, (edge) => !isInContracts(edge.target)) : [],

  'kernel imports at most contracts': ({ path }, edges) =>
    isInKernel(path)
      ? wrong(edges, (edge) =>
          edge.target === undefined
            ? OUTSIDE_WORLD.some((pattern) => pattern.test(edge.specifier))
            : !isInContracts(edge.target) && !isInKernel(edge.target),
        )
      : [],

  'a domain imports contracts, kernel and its own folder, and knows no outside world': ({ path }, edges) => {
    if (!isDomain(path)) return [];
    return wrong(edges, ({ target, specifier, isTypeOnly }) => {
      if (target === undefined)
        return OUTSIDE_WORLD.some((pattern) => pattern.test(specifier)) && !isLogger(specifier, isTypeOnly);
      if (isInContracts(target) || isInKernel(target)) return false;
      return serviceOf(target) !== serviceOf(path) || isInAdapters(target) || isServiceFile(target);
    });
  },

  'a service reaches other services only by calls and events': ({ path }, edges) => {
    const own = serviceOf(path);
    if (own === undefined) return [];
    return wrong(edges, (edge) => {
      const other = edge.target === undefined ? undefined : serviceOf(edge.target);
      return other !== undefined && other !== own && !isDataPlaneDoor(edge);
    });
  },

  'services import of the tree only services, the addon and the Prisma client': ({ path }, edges) =>
    path.startsWith('services/')
      ? wrong(edges, ({ target }) => {
          if (target === undefined || target.startsWith('services/') || target === 'moleculer.config.ts') return false;
          return !/^native\/(index|types)\.ts$/.test(target) && !target.startsWith('prisma/generated/');
        })
      : [],

  'nothing imports main.ts': (_file, edges) => wrong(edges, (edge) => edge.target === 'services/main.ts'),

  'only main.ts imports what composes a node': ({ path }, edges) =>
    path === 'services/main.ts' || isInComposition(path) ? [] : wrong(edges, (edge) => isInComposition(edge.target)),

  'production code imports no tests': (_file, edges) =>
    wrong(
      edges,
      ({ target }) => target !== undefined && (isTestPath(target) || /^(test|bench|scripts)\//.test(target)),
    ),

  'process.env is read in config.ts only': ({ path, facts }) =>
    facts.readsProcessEnv && path !== 'services/config.ts' && !isTool(path) ? ['process.env'] : [],

  'import.meta.env is read in frontend/src/config/env.ts only': ({ path, facts }) =>
    facts.readsImportMetaEnv && path !== 'frontend/src/config/env.ts' ? ['import.meta.env'] : [],

  'native knows nothing of services': ({ path }, edges) =>
    path.startsWith('native/')
      ? wrong(edges, ({ target }) => target !== undefined && !target.startsWith('native/'))
      : [],

  'the front end imports of the tree only itself and contracts': ({ path }, edges) =>
    path.startsWith('frontend/')
      ? wrong(edges, ({ target }) => target !== undefined && !target.startsWith('frontend/') && !isInContracts(target))
      : [],

  'features do not import features': ({ path }, edges) => {
    const own = featureOf(path);
    if (own === undefined) return [];
    return wrong(edges, ({ target }) => (featureOf(target) ?? own) !== own);
  },

  'the transfer engine knows no React and nothing of the page': ({ path }, edges) =>
    isIn('frontend/src/transfer-engine')(path)
      ? wrong(edges, ({ target, specifier }) =>
          target === undefined
            ? /^(react|react-dom|radix-ui|lucide-react)(\/|$)/.test(specifier)
            : /^frontend\/src\/(app|features|components)\//.test(target),
        )
      : [],

  'the page flows one way: components and lib import no feature, features no app': ({ path }, edges) => {
    if (/^frontend\/src\/(components|lib|config)\//.test(path))
      return wrong(edges, ({ target }) => /^frontend\/src\/(app|features)\//.test(target ?? ''));
    return featureOf(path) === undefined ? [] : wrong(edges, ({ target }) => isIn('frontend/src/app')(target));
  },

  'relative imports carry their extension and lead to a file': (_file, edges) =>
    wrong(
      edges,
      ({ specifier }) => specifier.startsWith('.') && !/\.(ts|tsx|css|json|svg|png|woff2)(\?\w+)?$/.test(specifier),
    ),

  'no default exports but for tools': ({ path, facts }) =>
    facts.hasDefaultExport && !isTool(path) ? ['export default'] : [],

  'no barrels': ({ facts }) => (facts.isBarrel ? ['only re-exports'] : []),

  [`no file over ${MAX_FILE_LINES} lines`]: ({ facts }) =>
    facts.lineCount > MAX_FILE_LINES ? [`${facts.lineCount} lines`] : [],
};

/** Each rule's sentence, in order. */
export const RULE_NAMES: readonly string[] = [...Object.keys(RULES), 'no cycles'];

/** The type of the logger may be named anywhere; only the edge makes one. */
const isLogger = (specifier: string, isTypeOnly: boolean) => specifier === 'pino' && isTypeOnly;

function featureOf(path: string | undefined): string | undefined {
  return /^frontend\/src\/features\/([^/]+)\//.exec(path ?? '')?.[1];
}

/** Tests and what supports them stand outside the law: they may look anywhere. */
export function isTestPath(path: string): boolean {
  return /\.(test|spec)\.tsx?$/.test(path) || /^(native|services|frontend\/src)\/(.*\/)?test\//.test(path);
}

export function readSource(path: string, source: string): SourceFile {
  return { path, facts: sourceFacts(source, path.endsWith('.tsx')) };
}

function edgesOf(file: SourceFile): Edge[] {
  return file.facts.imports.map((fact) => ({
    ...fact,
    target: fact.specifier.startsWith('.')
      ? posix.join(posix.dirname(file.path), fact.specifier.replace(/\?\w+$/, ''))
      : undefined,
  }));
}

/** Every violation in these files. Generated code is only a target: nobody writes it by hand. */
export function violationsOf(files: readonly SourceFile[]): Violation[] {
  const graph = new Map(files.map((file) => [file.path, edgesOf(file)]));
  const violations: Violation[] = [];
  for (const file of files) {
    for (const [rule, check] of Object.entries(RULES)) {
      for (const detail of check(file, graph.get(file.path) ?? [])) violations.push({ file: file.path, rule, detail });
    }
  }
  return [...violations, ...cyclesOf(graph)];
}

/** Each cycle once, found depth first; imports of types count: they tie files together just as well. */
function cyclesOf(graph: ReadonlyMap<string, readonly Edge[]>): Violation[] {
  const found: Violation[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (path: string, trail: readonly string[]): void => {
    state.set(path, 'open');
    for (const { target } of graph.get(path) ?? []) {
      if (target === undefined || !graph.has(target)) continue;
      if (state.get(target) === 'open') {
        const loop = [...trail.slice(trail.indexOf(target)), target];
        found.push({ file: target, rule: 'no cycles', detail: loop.join(' -> ') });
      } else if (!state.has(target)) visit(target, [...trail, target]);
    }
    state.set(path, 'done');
  };
  for (const path of graph.keys()) if (!state.has(path)) visit(path, [path]);
  return found;
}
