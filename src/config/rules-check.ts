// What the keys of one adaptation rule must agree on with each other. Works on the rule as written, like
// check.ts, which calls it.

import type { ConfigPath, UnplacedProblem } from './problems.ts';
import { shown } from './problems.ts';
import { parseSize } from './units.ts';

type Tree = Readonly<Record<string, unknown>>;

/** Problems of one rule. @param path  of the rule */
export function checkRule(rule: Tree, path: ConfigPath): UnplacedProblem[] {
  const problems: UnplacedProblem[] = [];
  const add = (key: ConfigPath, message: string, allowed: string, found: unknown): void => {
    const at = [...path, ...key];
    problems.push({
      ...{ code: 'ERR_CONFIG_VALUE', path: at, message, allowed, found: shown(found), suggestion: null },
    });
  };
  const { use, stop } = rule;
  if (Array.isArray(use) && use.length === 0 && stop === false) {
    const message = 'a rule that uses nothing and does not stop has no effect: remove it, or name services';
    add(['stop'], message, 'true', stop);
  }
  const when = tree(rule['when']);
  const { min, max } = tree(when['size']);
  if (bytes(min) > bytes(max)) {
    add(
      ['when', 'size', 'max'],
      `expected at least min (${String(min)}), got ${shown(max)}`,
      'min or more',
      max,
    );
  }
  if (!('size' in when) || min != null || max != null) return problems;
  if (when['size'] !== null) {
    add(['when', 'size'], 'expected min, max or both', 'min, max or both', when['size']);
  }
  return problems;
}

/** NaN for what is not there, or is no size; that the schema says. */
function bytes(value: unknown): number {
  try {
    return value == null ? NaN : parseSize(value);
  } catch {
    return NaN;
  }
}

function tree(value: unknown): Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};
}
