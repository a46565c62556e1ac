// The verdicts that a transaction can have.

import type { Verdict } from './types.ts';

export const VERDICTS = ['allowed', 'blocked', 'modified', 'bypassed', 'error'] as const satisfies Verdict[];

export function isVerdict(value: unknown): value is Verdict {
  return (VERDICTS as readonly unknown[]).includes(value);
}
