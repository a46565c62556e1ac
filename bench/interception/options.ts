// The command line of the interception suite; a wrong word is a usage error (exit 2).
import { chosen } from '../options.ts';
import { parseSuiteOptions } from '../suite-options.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { COMPARISONS } from './works.ts';

const IDS = COMPARISONS.map(({ id }) => id);

export const USAGE = `Usage: npm run bench -- --suite interception [options]

  --only http2,crowd  rows to run: ${IDS.join(', ')}
  --rounds N          rounds, both sides of a row taking turns within each (default 3)
  --seconds N         measured seconds of each side (default 3)
  --profile           run Weir under node --cpu-prof and print the functions that took most time
  --json              one JSON line per measurement on standard output instead of the table
  --output FILE       write the page there (a full run writes docs/performance-interception.md by itself)
  --no-build          use dist/ as it is

Example: npm run bench -- --suite interception --only http2 --rounds 1`;

export interface InterceptionOptions extends SuiteOptions {
  readonly rows: readonly string[];
  readonly rounds: number;
}

/** @throws {UsageError} an unknown option or row, or a number out of range */
export function parseInterceptionOptions(args: readonly string[]): InterceptionOptions {
  const options = parseSuiteOptions(args, ['only']);
  return { ...options, rows: chosen('--only', options.only, IDS), rounds: options.rounds ?? 3 };
}
