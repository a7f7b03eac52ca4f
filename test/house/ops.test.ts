import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ROOT, startServer } from '../support/server.ts';
import { readText } from './tree.ts';

const OPS = join(ROOT, 'ops');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly description: string };
}
interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

const rules = (
  parse(readFileSync(join(OPS, 'prometheus', 'peerlink.rules.yml'), 'utf8')) as {
    groups: readonly { rules: readonly Rule[] }[];
  }
).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(OPS, 'grafana', 'peerlink.json'), 'utf8')) as {
  panels: readonly Panel[];
};
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...dashboard.panels.flatMap((panel) => panel.targets.map(({ expr }) => expr)),
];

/** Family -> the labels its samples have, as a running node shows them. */
const families = new Map<string, Set<string>>();
/** `redis_up` is there only beside a Redis, rejected packets only after the first one. */
const SOMETIMES: Readonly<Record<string, readonly string[]>> = {
  peerlink_redis_up: [],
  peerlink_bus_rejected_total: ['reason'],
};
/** What Prometheus itself adds to each sample. */
const ADDED = new Set(['instance', 'job']);

beforeAll(async () => {
  const server = await startServer();
  const text = await (await fetch(`${server.url}/metrics`)).text();
  for (const [, name = '', labels = ''] of text.matchAll(/^(peerlink_[a-z0-9_]+)(?:\{([^}]*)\})? /gm)) {
    const known = families.get(name) ?? new Set<string>();
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) known.add(label);
    families.set(name, known);
  }
  const declared = [...text.matchAll(/^# TYPE (peerlink_[a-z0-9_]+) /gm)].map(([, name = '']) => name);
  for (const [name, labels] of Object.entries(SOMETIMES)) {
    if (declared.includes(name)) families.set(name, new Set(labels));
  }
  await server.stop();
}, 120_000);

describe('ops/', () => {
  it('asks only for metrics and labels that a running node shows', () => {
    const unknown: string[] = [];
    for (const expr of expressions) {
      for (const [, name = '', selector = ''] of expr.matchAll(/\b(peerlink_[a-z0-9_]+)(?:\{([^}]*)\})?/g)) {
        const labels = families.get(name);
        if (labels === undefined) unknown.push(name);
        for (const [, label = ''] of selector.matchAll(/([a-z_]+)(?:=~|!=|!~|=)"/g)) {
          if (labels?.has(label) !== true && !ADDED.has(label)) unknown.push(`${name}{${label}}`);
        }
      }
    }
    expect(expressions.length).toBeGreaterThan(25);
    expect(unknown).toEqual([]);
  });

  it('balances the brackets of each expression', () => {
    const unbalanced = expressions.filter((expr) =>
      [...'({['].some((open, index) => expr.split(open).length !== expr.split(')}]'[index] ?? '').length),
    );
    expect(unbalanced).toEqual([]);
  });

  it('says in each alarm what happened and what to do', () => {
    expect(rules.length).toBeGreaterThan(8);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { annotations } of rules) {
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.description.length).toBeGreaterThan(40);
    }
  });

  it('sends whoever is told of a degraded node to where the reasons are', () => {
    const { description = '' } = rules.find(({ alert }) => alert === 'PeerLinkDegraded')?.annotations ?? {};
    expect(description).not.toContain('/readyz');
    const logged = /log\.warn\(\{ state, before, reasons \}, '([^']+)'\)/.exec(
      readText('services/composition/compose-self.ts'),
    );
    expect(description).toContain(`its log (\`${logged?.[1]}\`)`);
  });

  it('lays the panels of the dashboard out without overlap', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});
