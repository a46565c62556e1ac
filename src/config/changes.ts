// Which keys differ between two resolved configurations, by the names that they have in the file.

import { sortedJson } from '../util/sorted-json.ts';

/** Where resolution gives a value another name than the file has. */
const WRITTEN: Readonly<Record<string, string>> = { previewBytes: 'preview', memoryBytes: 'memory' };

/**
 * Paths of the keys whose values differ, sections down to single values, lists as a whole.
 *
 * @param before  two resolved configurations, or sections of them
 * @returns e.g. `log.level`, `gateway.services.sandblast.maxConnections`; no value is ever told
 */
export function changedKeys(before: unknown, after: unknown, path = ''): string[] {
  if (sortedJson(before) === sortedJson(after)) return [];
  if (!isSection(before) || !isSection(after)) return [path];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const written = WRITTEN[name] ?? name.replace(/Ms$/, '');
    return changedKeys(before[name], after[name], path === '' ? written : `${path}.${written}`);
  });
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
