// The words that every suite understands, read in one place; what a suite adds to them, and what its figures
// are by default, its own options.ts says. A wrong word is a usage error (exit 2).
import { parseArgs } from 'node:util';

import { positive, UsageError } from './options.ts';

export interface SuiteOptions {
  readonly help: boolean;
  /** Undefined where the command line does not say. */
  readonly rounds: number | undefined;
  readonly seconds: number | undefined;
  readonly profile: boolean;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly build: boolean;
  /** Nothing was narrowed, so that the result may stand in the documents. */
  readonly full: boolean;
  /** What the suite allows besides: values of `--only`, `--peers`; whether `--quick`, `--keep` were given. */
  readonly only: string | undefined;
  readonly peers: string | undefined;
  readonly quick: boolean;
  readonly keep: boolean;
}

const COMMON = {
  help: { type: 'boolean', short: 'h' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  profile: { type: 'boolean' },
  json: { type: 'boolean' },
  output: { type: 'string' },
  'no-build': { type: 'boolean' },
} as const;

const BESIDES = {
  only: { type: 'string' },
  peers: { type: 'string' },
  quick: { type: 'boolean' },
  keep: { type: 'boolean' },
} as const;

/**
 * Reads the arguments without `--suite`.
 *
 * @param besides  what this suite understands besides the common words
 * @throws {UsageError} an unknown option, or a number out of range
 */
export function parseSuiteOptions(
  args: readonly string[],
  besides: readonly (keyof typeof BESIDES)[],
): SuiteOptions {
  const allowed = Object.fromEntries(besides.map((word) => [word, BESIDES[word]]));
  let values: Partial<Record<keyof typeof COMMON | keyof typeof BESIDES, string | boolean>>;
  try {
    ({ values } = parseArgs({ args: [...args], options: { ...COMMON, ...allowed } }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const text = (word: keyof typeof values): string | undefined => values[word] as string | undefined;
  const narrowing = ['only', 'peers', 'rounds', 'seconds', 'quick', 'profile'] as const;
  return {
    help: values.help === true,
    rounds: positive('--rounds', text('rounds'), true),
    seconds: positive('--seconds', text('seconds'), false),
    profile: values.profile === true,
    json: values.json === true,
    output: text('output'),
    build: values['no-build'] !== true,
    full: narrowing.every((word) => values[word] === undefined),
    only: text('only'),
    peers: text('peers'),
    quick: values.quick === true,
    keep: values.keep === true,
  };
}
