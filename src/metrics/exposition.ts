// Turns what was counted and read into the text that Prometheus scrapes, through a registry of prom-client made
// for the one scrape: between scrapes there is nothing to keep in step. Which figures there are: catalog.ts.

import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';
import { CATALOG, labelNamesOf } from './catalog.ts';
import type { CounterName, GaugeName, HistogramName, MetricName } from './catalog.ts';
import { BUCKETS_MS, labelsOf } from './counters.ts';
import type { MeterSnapshot } from './meters.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const SLICE_MS = 3; // of formatting at a time: with many services it is thousands of lines

type Value = MetricValue<string> & { readonly metricName?: string };

/** The figures of one scrape. */
export class MetricSheet {
  readonly #values = new Map<MetricName, Value[]>();

  /** @param labels  values in the order of the catalog */
  put(name: CounterName | GaugeName, value: number, ...labels: readonly string[]): void {
    this.#valuesOf(name).push({ value, labels: labelled(name, labels) });
  }

  /** Takes over everything that was counted. */
  putAll({ counters, histograms }: MeterSnapshot): void {
    for (const name of Object.keys(counters) as CounterName[]) {
      for (const [key, value] of counters[name] ?? []) this.put(name, value, ...labelsOf(key));
    }
    for (const name of Object.keys(histograms) as HistogramName[]) {
      for (const [key, counts, sumMs] of histograms[name] ?? []) this.#putHistogram(name, key, counts, sumMs);
    }
  }

  /** As text of the Prometheus format 0.0.4; a metric without any figure is left out. */
  async text(): Promise<string> {
    const registry = new (registryClass())();
    const parts: string[] = [];
    let restedAt = performance.now();
    for (const name of Object.keys(CATALOG) as MetricName[]) {
      const values = this.#values.get(name);
      if (values === undefined) continue;
      const { type, help } = CATALOG[name];
      const found = { name, help, type, aggregator: 'sum', values } as unknown;
      const metric = { name, get: () => Promise.resolve(found as MetricObjectWithValues<Value>) };
      registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
      parts.push(await registry.getSingleMetricAsString(name));
      if (performance.now() - restedAt < SLICE_MS) continue;
      await setImmediate();
      restedAt = performance.now();
    }
    return `${parts.join('\n\n')}\n`;
  }

  #putHistogram(name: HistogramName, key: string, counts: readonly number[], sumMs: number): void {
    const values = this.#valuesOf(name);
    const labels = labelled(name, labelsOf(key));
    let total = 0;
    counts.forEach((count, index) => {
      total += count;
      const bound = BUCKETS_MS[index];
      const le = bound === undefined ? '+Inf' : String(bound / 1000);
      values.push({ metricName: `${name}_bucket`, value: total, labels: { ...labels, le } });
    });
    values.push({ metricName: `${name}_sum`, value: sumMs / 1000, labels });
    values.push({ metricName: `${name}_count`, value: total, labels });
  }

  #valuesOf(name: MetricName): Value[] {
    let values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, (values = []));
    return values;
  }
}

function labelled(name: MetricName, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(labelNamesOf(name).map((label, index) => [label, values[index] ?? '']));
}

let registry: typeof Registry | null = null;

/**
 * The registry alone, at the first scrape: the whole of prom-client takes 50 ms to load, in which an event loop
 * full of traffic would stand still.
 */
function registryClass(): typeof Registry {
  registry ??= createRequire(import.meta.url)('prom-client/lib/registry') as typeof Registry;
  return registry;
}
