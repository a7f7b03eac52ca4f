import { parseSync } from '@swc/core';
import { isNode, nodesOf, type SyntaxNode } from './source-facts.ts';

/** Attributes that people read or hear, of elements and of our own components. */
const SPOKEN = new Set([
  'aria-label',
  'aria-description',
  'aria-roledescription',
  'aria-valuetext',
  'title',
  'alt',
  'placeholder',
  'label',
  'altText',
  'description',
  'name',
]);
/** `name` is a word only on our components: on an input it is the form's. */
const isSpoken = (attribute: string, element: string) =>
  attribute === 'name' ? /^[A-Z]/.test(element) : SPOKEN.has(attribute);
const LETTER = /\p{L}/u;

const bodyOf = (source: string) => parseSync(source, { syntax: 'typescript', tsx: true, target: 'es2023' }).body;

/** The literal texts that an expression may come to: both sides of a condition, the fixed parts of a template. */
function literalsOf(value: unknown): string[] {
  if (!isNode(value)) return [];
  switch (value.type) {
    case 'StringLiteral':
    case 'JSXText':
      return [value.value as string];
    case 'TemplateLiteral':
      return (value.quasis as SyntaxNode[]).map((part) => part.raw as string);
    case 'JSXExpressionContainer':
    case 'ParenthesisExpression':
      return literalsOf(value.expression);
    case 'ConditionalExpression':
      return [...literalsOf(value.consequent), ...literalsOf(value.alternate)];
    case 'BinaryExpression':
      // What stands before `&&` and in a comparison is asked, not said.
      if (value.operator === '&&') return literalsOf(value.right);
      return ['+', '||', '??'].includes(value.operator as string)
        ? [...literalsOf(value.left), ...literalsOf(value.right)]
        : [];
    default:
      return [];
  }
}

function nameOf(node: unknown): string {
  return isNode(node) && typeof node.value === 'string' ? node.value : '';
}

/** What a component says in words of its own instead of the catalogue's. */
export function wordsIn(source: string): string[] {
  const found: string[] = [];
  for (const node of nodesOf(bodyOf(source))) {
    if (node.type === 'JSXElement' || node.type === 'JSXFragment') {
      found.push(...(node.children as unknown[]).flatMap(literalsOf));
    }
    if (node.type === 'JSXOpeningElement') {
      const element = nameOf(node.name);
      for (const attribute of node.attributes as SyntaxNode[]) {
        if (attribute.type === 'JSXAttribute' && isSpoken(nameOf(attribute.name), element)) {
          found.push(...literalsOf(attribute.value));
        }
      }
    }
  }
  return found.map((text) => text.trim()).filter((text) => LETTER.test(text));
}

const SIDED = /^-?(m|p|border-|scroll-m|scroll-p)?[lr]-|^-?(left|right)-|^rounded-([lr]|[tb][lr])(-|$)|^border-[lr]$/;
const TURNED = /^(text|float|clear|origin)-(left|right)$/;

/** Utility classes that name a side of the screen instead of the start or the end of the text. */
export function sidesIn(source: string): string[] {
  const texts = [...nodesOf(bodyOf(source))].flatMap((node) =>
    node.type === 'StringLiteral' || node.type === 'TemplateElement' ? [(node.value ?? node.raw) as string] : [],
  );
  const classes = texts.flatMap((text) => text.split(/\s+/));
  return classes.filter((one) => {
    const bare = one.replace(/^([\w-]+(\[[^\]]*\])?:)+/, '').replace(/!$/, '');
    return SIDED.test(bare) || TURNED.test(bare);
  });
}
