// The command line of the interception suite; a wrong word is a usage error (exit 2).
import { parseArgs } from 'node:util';

import { chosen, positive, UsageError } from '../options.ts';
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

export interface InterceptionOptions {
  readonly help: boolean;
  readonly rows: readonly string[];
  readonly rounds: number;
  readonly seconds: number | undefined;
  readonly profile: boolean;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly build: boolean;
  /** Nothing was narrowed, so that the result may stand in the documents. */
  readonly full: boolean;
}

/** @throws {UsageError} an unknown option or row, or a number out of range */
export function parseInterceptionOptions(args: readonly string[]): InterceptionOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string' },
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
  const narrowing = [values.only, values.rounds, values.seconds, values.profile];
  return {
    help: values.help ?? false,
    rows: chosen('--only', values.only, IDS),
    rounds: positive('--rounds', values.rounds, true) ?? 3,
    seconds: positive('--seconds', values.seconds, false),
    profile: values.profile ?? false,
    json: values.json ?? false,
    output: values.output,
    build: !(values['no-build'] ?? false),
    full: narrowing.every((value) => value === undefined),
  };
}
