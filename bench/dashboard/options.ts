// The command line of the dashboard suite; a wrong word is a usage error (exit 2).
import { parseSuiteOptions } from '../suite-options.ts';
import type { SuiteOptions } from '../suite-options.ts';

export const USAGE = `Usage: npm run bench -- --suite dashboard [options]

  --rounds N     rounds: off, on, with a viewer, and with a filter of his, in turns (default 6)
  --seconds N    measured seconds of each state (default 3)
  --profile      run Weir under node --cpu-prof and print the functions that took most time
  --json         one JSON line per measurement on standard output instead of the table
  --output FILE  write the page there (a full run writes docs/performance-dashboard.md by itself)
  --no-build     use dist/ as it is

Example: npm run bench -- --suite dashboard --rounds 2`;

export interface DashboardOptions extends SuiteOptions {
  readonly rounds: number;
  readonly seconds: number;
}

/** @throws {UsageError} an unknown option, or a number out of range */
export function parseDashboardOptions(args: readonly string[]): DashboardOptions {
  const options = parseSuiteOptions(args, []);
  return { ...options, rounds: options.rounds ?? 6, seconds: options.seconds ?? 3 };
}
