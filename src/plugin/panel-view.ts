// What a plugin's panel shows now, checked and cut to bounds: a panel can fail, never swell or break the page
// that shows it.

import { PluginError, isWeirError, messageOf } from '../errors.ts';
import type { PanelDefinition, PanelPart, PanelValue, PanelView } from './api/panel.ts';

const TIME_LIMIT_MS = 2000;
const MOST_PARTS = 20;
const MOST_COLUMNS = 20;
const MOST_ROWS = 500;
const MOST_SERIES = 8;
const MOST_POINTS = 1000;
const MOST_TEXT = 4000; // characters

/**
 * Asks a panel.
 * @returns its view; what goes beyond the bounds is left out
 * @throws {PluginError} `ERR_PLUGIN_FAILED`: it threw, took longer than two seconds, or gave no view
 */
export async function panelView(panel: PanelDefinition): Promise<PanelView> {
  const fail = (why: string, cause?: unknown) =>
    new PluginError('ERR_PLUGIN_FAILED', `panel ${panel.id} ${why}`, { panel: panel.id }, cause);
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeUp = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(fail(`took longer than ${TIME_LIMIT_MS} ms`)), TIME_LIMIT_MS);
    });
    const given = await Promise.race([Promise.resolve().then(() => panel.data()), timeUp]);
    const { parts } = (given ?? {}) as { parts?: unknown };
    if (!Array.isArray(parts)) throw fail('gave no { parts: [...] }');
    return { parts: parts.slice(0, MOST_PARTS).map((part) => checked(part as PanelPart, fail)) };
  } catch (error) {
    throw isWeirError(error) ? error : fail(`failed: ${messageOf(error)}`, error);
  } finally {
    clearTimeout(timer);
  }
}

function checked(part: PanelPart, fail: (why: string) => PluginError): PanelPart {
  const title = part.title === undefined ? {} : { title: text(part.title) };
  switch (part.kind) {
    case 'text':
      return { kind: part.kind, ...title, text: text(part.text) };
    case 'key-values':
      return {
        kind: part.kind,
        ...title,
        entries: part.entries.slice(0, MOST_ROWS).map(({ key, value }) => ({
          key: text(key),
          value: plain(value),
        })),
      };
    case 'table': {
      const columns = part.columns.slice(0, MOST_COLUMNS).map(text);
      const rows = part.rows.slice(0, MOST_ROWS).map((row) => columns.map((_, i) => plain(row[i] ?? null)));
      return { kind: part.kind, ...title, columns, rows };
    }
    case 'chart':
      return {
        kind: part.kind,
        ...title,
        ...(part.unit === undefined ? {} : { unit: text(part.unit) }),
        series: part.series.slice(0, MOST_SERIES).map(({ name, points }) => ({
          name: text(name),
          points: points
            .slice(-MOST_POINTS)
            .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
            .map(([x, y]) => [x, y] as const),
        })),
      };
    default:
      throw fail('has a part of a kind that is none of text, key-values, table, chart');
  }
}

function text(value: unknown): string {
  return String(value).slice(0, MOST_TEXT);
}

function plain(value: PanelValue): PanelValue {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return text(value);
}
