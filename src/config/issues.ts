// What zod says is wrong, in our words: one issue to one or more problems, and for unknown keys what was
// probably meant. Where in the file they stand, load.ts adds.

import type * as z from 'zod';
import { nearest } from '../util/nearest.ts';
import { expectation, shown, type UnplacedProblem } from './problems.ts';
import { knownKeys, onlyPlaceOf } from './reference.ts';

/** One zod issue; unknown keys of one section come as one issue and are told one by one. */
export function fromIssue(issue: z.core.$ZodIssue): UnplacedProblem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const value = (allowed: string, found: string, suggestion: string | null = null, atKey = false) => [
    {
      code: 'ERR_CONFIG_VALUE' as const,
      path,
      atKey,
      found,
      allowed,
      message: expectation(allowed, found),
      suggestion,
    },
  ];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        code: 'ERR_CONFIG_UNKNOWN_KEY',
        path: [...path, key],
        atKey: true,
        found: shown(key),
        allowed: (knownKeys(path) ?? []).join(', '),
        message: 'unknown key',
        suggestion: null,
      }));
    case 'custom': {
      const { allowed, found, suggestion } = issue.params ?? {};
      return value(String(allowed), String(found), (suggestion as string | null | undefined) ?? null);
    }
    case 'invalid_key': {
      const inner = issue.issues[0];
      const allowed = inner?.code === 'custom' ? String(inner.params?.['allowed']) : 'another name';
      return value(allowed, shown(path.at(-1)), null, true);
    }
    case 'too_small':
      return value('at least one', 'an empty list');
    case 'invalid_type':
      return value(SHAPES[issue.expected] ?? issue.expected, shown(issue.input));
    default:
      return value('another value', issue.message);
  }
}

const SHAPES: Readonly<Record<string, string>> = {
  object: 'a map (key: value)',
  record: 'a map (key: value)',
  array: 'a list',
};

/** Adds the nearest known key to an unknown one, or where in the file a known one belongs. */
export function suggest(problem: UnplacedProblem): UnplacedProblem {
  if (problem.code !== 'ERR_CONFIG_UNKNOWN_KEY') return problem;
  const key = String(problem.path.at(-1));
  const suggestion = onlyPlaceOf(key) ?? nearest(key, knownKeys(problem.path.slice(0, -1)) ?? []);
  if (suggestion !== null) return { ...problem, suggestion };
  return { ...problem, message: `unknown key; known here: ${problem.allowed}` };
}
