// The page of all metrics and the Grafana dashboard are held to the catalog.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { CATALOG, labelNamesOf } from '../../src/metrics/catalog.ts';
import type { MetricName } from '../../src/metrics/catalog.ts';
import { METRICS_PAGE, metricsPage, WRITE_METRICS_PAGE } from '../docs/metrics-page.ts';

const GRAFANA = fileURLToPath(new URL('../../docs/operations/grafana-weir.json', import.meta.url));
const names = Object.keys(CATALOG) as MetricName[];
const OF_PROMETHEUS = ['job', 'instance', 'le'];

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const dashboard = JSON.parse(readFileSync(GRAFANA, 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const queries = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ title, expr, legend: legendFormat })),
  ),
  ...dashboard.templating.list.flatMap(({ name, definition }) =>
    definition === undefined ? [] : [{ title: `variable ${name}`, expr: definition, legend: '' }],
  ),
  ...[...readFileSync(METRICS_PAGE, 'utf8').matchAll(/^\| [^|]*\? \| `((?:[^`\\]|\\.)*)` \|$/gm)].map(
    ([, expr]) => ({ title: 'docs/operations/metrics.md', expr: expr!.replaceAll('\\|', '|'), legend: '' }),
  ),
];

/** Metrics in a query, each with the labels that it is picked by. */
function metricsIn(expr: string): { name: string; labels: string[] }[] {
  return [...expr.matchAll(/\b((?:weir|process|nodejs)_[a-z_]+)(?:\{([^}]*)\})?/g)].map(
    ([, name, inner]) => ({
      name: name!,
      labels: [...(inner ?? '').matchAll(/([a-z_]+)\s*=?[=~!]/g)].map(([, label]) => label!),
    }),
  );
}

/** The metric that a name in a query belongs to. */
function definitionOf(name: string): MetricName | undefined {
  const family = name.replace(/_(?:bucket|sum|count)$/, '');
  return names.find((each) => each === name || (each === family && CATALOG[each].type === 'histogram'));
}

test(`docs/operations/metrics.md says what the catalog says; otherwise run ${WRITE_METRICS_PAGE}`, () => {
  expect(readFileSync(METRICS_PAGE, 'utf8').split('\n')).toEqual(metricsPage().split('\n'));
});

test('names follow the rules: counters and only they end in _total, times are seconds', () => {
  const wrong = names.filter((name) => {
    const { type } = CATALOG[name];
    const histogram = type === 'histogram' && !name.endsWith('_seconds');
    return name.endsWith('_total') !== (type === 'counter') || histogram || /_ms|_millis/.test(name);
  });
  expect(wrong).toEqual([]);
  expect(names.filter((name) => labelNamesOf(name).some((label) => OF_PROMETHEUS.includes(label)))).toEqual(
    [],
  );
});

describe('the Grafana dashboard and the queries of the page', () => {
  test('there are some, and no panel lies on another', () => {
    expect(queries.length).toBeGreaterThan(60);
    const overlaps = dashboard.panels.flatMap((a, index) =>
      dashboard.panels.slice(index + 1).filter((b) => {
        const [p, q] = [a.gridPos, b.gridPos];
        return p.x < q.x + q.w && q.x < p.x + p.w && p.y < q.y + q.h && q.y < p.y + p.h;
      }),
    );
    expect(overlaps).toEqual([]);
  });

  test.each(queries.map((query) => [`${query.title}: ${query.expr}`, query] as const))('%s', (_, query) => {
    const found = metricsIn(query.expr);
    expect(found.length).toBeGreaterThan(0);
    const grouped = [...query.expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/,\s*/));
    const shown = [...query.legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
    for (const { name, labels } of found) {
      const metric = definitionOf(name);
      expect([name, metric]).not.toEqual([name, undefined]);
      const known = [...labelNamesOf(metric!), ...OF_PROMETHEUS];
      expect([...labels, ...grouped].filter((label) => !known.includes(label))).toEqual([]);
      const { type } = CATALOG[metric!];
      expect(type === 'counter' || name !== metric).toBe(/(?:rate|increase)\(/.test(query.expr));
    }
    if (grouped.length > 0) expect(shown.filter((label) => !grouped.includes(label))).toEqual([]);
    expect([...query.expr].filter((char) => char === '(')).toHaveLength(
      [...query.expr].filter((char) => char === ')').length,
    );
  });
});
