// The command line of the scanning suite; a wrong word is a usage error (exit 2).
import { parseArgs } from 'node:util';

import { chosen, positive, UsageError } from '../options.ts';
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

export interface ScanOptions {
  readonly help: boolean;
  readonly works: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly profile: boolean;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly build: boolean;
  readonly keep: boolean;
  /** Nothing was narrowed, so that the result may stand in the page. */
  readonly full: boolean;
}

/**
 * Reads the arguments without `--suite`.
 *
 * @throws {UsageError} an unknown option or work, or a number out of range
 */
export function parseScanOptions(args: readonly string[]): ScanOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        quick: { type: 'boolean' },
        profile: { type: 'boolean' },
        json: { type: 'boolean' },
        output: { type: 'string' },
        'no-build': { type: 'boolean' },
        keep: { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { help = false, quick = false, profile = false, json = false, keep = false } = values;
  const narrowing = [values.only, values.rounds, values.seconds, values.quick, values.profile];
  return {
    help,
    works: chosen('--only', values.only, SCAN_WORK_IDS),
    rounds: positive('--rounds', values.rounds, true) ?? (quick ? 1 : 3),
    seconds: positive('--seconds', values.seconds, false) ?? (quick ? 1 : SECONDS),
    profile,
    json,
    output: values.output,
    build: !(values['no-build'] ?? false),
    keep,
    full: narrowing.every((value) => value === undefined),
  };
}
