import { parseSync } from '@swc/core';

/** What the import law needs to know of one source file. */
export interface SourceFacts {
  readonly imports: readonly ImportFact[];
  readonly hasDefaultExport: boolean;
  /** True when nothing but re-exports stands in the file: a barrel. */
  readonly isBarrel: boolean;
  readonly readsProcessEnv: boolean;
  readonly readsImportMetaEnv: boolean;
  readonly lineCount: number;
}

export interface ImportFact {
  /** As written: `./x.ts`, `node:fs`, `moleculer`. */
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

export interface SyntaxNode {
  readonly type: string;
  readonly [member: string]: unknown;
}

export const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string';

/** Every node of a tree, parents first. */
export function* nodesOf(value: unknown): Generator<SyntaxNode> {
  if (Array.isArray(value)) {
    for (const item of value) yield* nodesOf(item);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (isNode(value)) yield value;
  for (const child of Object.values(value)) yield* nodesOf(child);
}

const textOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'StringLiteral' ? (node.value as string) : undefined;

const isIdentifier = (node: unknown, name: string): boolean =>
  isNode(node) && node.type === 'Identifier' && node.value === name;

function isMember(node: SyntaxNode, isObject: (object: unknown) => boolean, name: string): boolean {
  if (node.type !== 'MemberExpression' || !isObject(node.object)) return false;
  const property = node.property;
  if (!isNode(property)) return false;
  return property.type === 'Computed' ? textOf(property.expression) === name : property.value === name;
}

/** `const { env } = process` and `import { env } from 'node:process'` read it as well as `process.env`. */
function takesEnvApart(node: SyntaxNode): boolean {
  if (node.type === 'ImportDeclaration' && /^(node:)?process$/.test(textOf(node.source) ?? '')) {
    return [...nodesOf(node.specifiers)].some((part) => isIdentifier(part.imported ?? part.local, 'env'));
  }
  return (
    node.type === 'VariableDeclarator' &&
    isIdentifier(node.init, 'process') &&
    isNode(node.id) &&
    [...nodesOf(node.id)].some((part) => isIdentifier(part.key, 'env'))
  );
}

function importOf(node: SyntaxNode): ImportFact | undefined {
  const fact = (source: unknown, isTypeOnly: boolean): ImportFact | undefined => {
    const specifier = textOf(source);
    return specifier === undefined ? undefined : { specifier, isTypeOnly };
  };
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration': {
      const specifiers = (node.specifiers ?? []) as SyntaxNode[];
      const isEachType = specifiers.length > 0 && specifiers.every((specifier) => specifier.isTypeOnly === true);
      return fact(node.source, node.typeOnly === true || isEachType);
    }
    case 'TsImportType':
      return fact(node.argument, true);
    case 'TsExternalModuleReference':
      return fact(node.expression, false);
    case 'CallExpression': {
      const callee = node.callee;
      if (!isNode(callee) || !(callee.type === 'Import' || isIdentifier(callee, 'require'))) return undefined;
      return fact((node.arguments as { expression: unknown }[])[0]?.expression, false);
    }
    default:
      return undefined;
  }
}

/** Reads one TypeScript source; throws the parser's error when it is none. */
export function sourceFacts(source: string, isTsx: boolean): SourceFacts {
  const { body } = parseSync(source, { syntax: 'typescript', tsx: isTsx, target: 'es2023' });
  const nodes = [...nodesOf(body)];
  const isReexport = (node: SyntaxNode) =>
    node.type === 'ExportAllDeclaration' || (node.type === 'ExportNamedDeclaration' && node.source != null);
  const statements = body as unknown as SyntaxNode[];
  return {
    imports: nodes.map(importOf).filter((fact) => fact !== undefined),
    hasDefaultExport: nodes.some(
      (node) =>
        node.type === 'ExportDefaultExpression' ||
        node.type === 'ExportDefaultDeclaration' ||
        (node.type === 'ExportSpecifier' && isIdentifier(node.exported, 'default')),
    ),
    isBarrel: statements.length > 0 && statements.every(isReexport),
    readsProcessEnv: nodes.some(
      (node) => isMember(node, (object) => isIdentifier(object, 'process'), 'env') || takesEnvApart(node),
    ),
    readsImportMetaEnv: nodes.some((node) =>
      isMember(node, (object) => isNode(object) && object.type === 'MetaProperty', 'env'),
    ),
    lineCount: source.split('\n').length,
  };
}
