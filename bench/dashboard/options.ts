// The command line of the dashboard suite; a wrong word is a usage error (exit 2).
import { parseArgs } from 'node:util';

import { positive, UsageError } from '../options.ts';

export const USAGE = `Usage: npm run bench -- --suite dashboard [options]

  --rounds N     rounds: off, on, and with a viewer, in turns (default 6)
  --seconds N    measured seconds of each state (default 3)
  --profile      run Weir under node --cpu-prof and print the functions that took most time
  --json         one JSON line per measurement on standard output instead of the table
  --output FILE  write the page there (a full run writes docs/performance-dashboard.md by itself)
  --no-build     use dist/ as it is

Example: npm run bench -- --suite dashboard --rounds 2`;

export interface DashboardOptions {
  readonly help: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly profile: boolean;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly build: boolean;
  /** Nothing was narrowed, so that the result may stand in the documents. */
  readonly full: boolean;
}

/** @throws {UsageError} an unknown option, or a number out of range */
export function parseDashboardOptions(args: readonly string[]): DashboardOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        profile: { type: 'boolean' },
        json: { type: 'boolean' },
        output: { type: 'string' },
        'no-build': { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  return {
    help: values.help ?? false,
    rounds: positive('--rounds', values.rounds, true) ?? 6,
    seconds: positive('--seconds', values.seconds, false) ?? 3,
    profile: values.profile ?? false,
    json: values.json ?? false,
    output: values.output,
    build: !(values['no-build'] ?? false),
    full: [values.rounds, values.seconds, values.profile].every((value) => value === undefined),
  };
}
