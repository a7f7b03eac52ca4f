import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { BUS_REJECTIONS } from '../../services/bus/packet-guard.ts';
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

/** Family -> the labels its samples have, with their values, as a running node shows them. */
const families = new Map<string, Map<string, Set<string>>>();
/** `redis_up` is there only beside a Redis, rejected packets only after the first one. */
const SOMETIMES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  peerlink_redis_up: {},
  peerlink_bus_rejected_total: { reason: BUS_REJECTIONS },
};
/** What each alarm compares: a value at which all is well, and one at which somebody must be told. */
const VALUES: Readonly<Record<string, readonly [well: number, bad: number]>> = {
  PeerLinkNodeDown: [1, 0],
  PeerLinkDegraded: [0, 1],
  PeerLinkNoLeader: [1, 0],
  PeerLinkTwoLeaders: [1, 2],
  PeerLinkSingleCopies: [0, 1],
  PeerLinkDamagedChunks: [0, 1],
  PeerLinkDiskLow: [0.2, 0.05],
  PeerLinkServerErrors: [0.05, 1],
  PeerLinkLoopLate: [0.1, 0.3],
  PeerLinkForeignPackets: [0, 1],
  PeerLinkRedisAway: [1, 0],
};
/** What Prometheus itself adds to each sample. */
const ADDED = new Set(['instance', 'job']);

beforeAll(async () => {
  const server = await startServer();
  const text = await (await fetch(`${server.url}/metrics`)).text();
  for (const [, name = '', labels = ''] of text.matchAll(/^(peerlink_[a-z0-9_]+)(?:\{([^}]*)\})? /gm)) {
    const known = families.get(name) ?? new Map<string, Set<string>>();
    for (const [, label = '', value = ''] of labels.matchAll(/([a-z_]+)="([^"]*)"/g))
      known.set(label, (known.get(label) ?? new Set()).add(value));
    families.set(name, known);
  }
  const declared = [...text.matchAll(/^# TYPE (peerlink_[a-z0-9_]+) /gm)].map(([, name = '']) => name);
  for (const [name, labels] of Object.entries(SOMETIMES)) {
    const known = Object.entries(labels).map(([label, values]) => [label, new Set(values)] as const);
    if (declared.includes(name)) families.set(name, new Map(known));
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
        for (const [, label = '', sign, value = ''] of selector.matchAll(/([a-z_]+)(=~|!=|!~|=)"([^"]*)"/g)) {
          if (labels?.has(label) !== true && !ADDED.has(label)) unknown.push(`${name}{${label}}`);
          if (sign === '=' && labels?.get(label)?.has(value) === false) unknown.push(`${name}{${label}="${value}"}`);
        }
      }
    }
    const jobs = expressions.flatMap((expr) => [...expr.matchAll(/\bjob="([^"]*)"/g)].map(([, job]) => job));
    expect(new Set(jobs)).toEqual(new Set(readText('ops/prometheus/scrape.yml').match(/(?<=job_name: )\S+/g)));
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

  it('alarms at what is bad, and not while all is well', () => {
    expect(Object.keys(VALUES).sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { alert, expr } of rules) {
      const [, sign, limit] = / (==|<|>) ([\d.]+)$/.exec(expr) ?? [];
      const isTold = (value: number) =>
        sign === '<' ? value < Number(limit) : sign === '>' ? value > Number(limit) : value === Number(limit);
      expect({ alert, isTold: VALUES[alert]?.map(isTold) }).toEqual({ alert, isTold: [false, true] });
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
