// The command line of the scanning suite; a wrong word is a usage error (exit 2).
import { chosen } from '../options.ts';
import { parseSuiteOptions } from '../suite-options.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { SCAN_WORK_IDS, SECONDS } from './works.ts';

export const USAGE = `Usage: npm run bench -- --suite scanning [options]

  --only a,b        works to run: ${SCAN_WORK_IDS.join(', ')}
  --rounds N        rounds, servers taking turns within each (default 3)
  --seconds N       measured seconds of each work (default ${SECONDS})
  --quick           one round of 1 second each
  --profile         run Weir under node --cpu-prof and print the functions that took most time
  --json            one JSON line per measurement on standard output instead of the table
  --output FILE     write the page there (a full run writes docs/performance-scanning.md by itself)
  --no-build        use dist/ as it is
  --keep            leave the servers' configurations and logs behind and print where

Example: npm run bench -- --suite scanning --only 1m-text,1m-gzip --rounds 1`;

export interface ScanOptions extends SuiteOptions {
  readonly works: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
}

/** @throws {UsageError} an unknown option or work, or a number out of range */
export function parseScanOptions(args: readonly string[]): ScanOptions {
  const options = parseSuiteOptions(args, ['only', 'quick', 'keep']);
  const { only, quick, rounds, seconds } = options;
  return {
    ...options,
    works: chosen('--only', only, SCAN_WORK_IDS),
    rounds: rounds ?? (quick ? 1 : 3),
    seconds: seconds ?? (quick ? 1 : SECONDS),
  };
}
