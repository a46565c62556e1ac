// The command line of the bench. Decides what is run and how long; a wrong word is a usage error (exit 2).
import { parseArgs } from 'node:util';

import { IDLE_ID, PEER_IDS, WORKS, type PeerId } from './works.ts';

export const USAGE = `Usage: npm run bench -- [options]
       npm run bench -- --suite icap-server [options]   (its own --help)
       npm run bench -- --suite interception [options]  (likewise)
       npm run bench -- --suite scanning [options]  (likewise)

  --only 1k,64k     works to run: ${[...WORKS.map((work) => work.id), IDLE_ID].join(', ')}
  --peers a,b       peers to run: ${PEER_IDS.join(', ')}
  --rounds N        rounds, peers taking turns within each (default 3)
  --seconds N       measured seconds of each work (default: 3 or 4, by work)
  --quick           one round of 1 second each
  --profile         run Weir under node --cpu-prof and print the functions that took most time
  --json            one JSON line per measurement on standard output instead of the table
  --output FILE     write the page there (a full run writes docs/performance.md by itself)
  --no-build        use dist/ as it is
  --keep            leave the servers' configurations and logs behind and print where

Example: npm run bench -- --only 1k --peers weir-icap --rounds 1`;

export interface Options {
  readonly help: boolean;
  /** Work ids, `idle` among them, in table order. */
  readonly works: readonly string[];
  readonly peers: readonly PeerId[];
  readonly rounds: number;
  /** Overrides every work's own measured time; `undefined` leaves it. */
  readonly seconds: number | undefined;
  readonly profile: boolean;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly build: boolean;
  readonly keep: boolean;
  /** Nothing was narrowed, so that the result may stand in docs/performance.md. */
  readonly full: boolean;
}

/** What was asked for cannot be done; the message is one line. The bench exits with status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The words of a comma list, each a known one, in the order of `known`; all of them without a value. */
export function chosen<T extends string>(
  flag: string,
  value: string | undefined,
  known: readonly T[],
): readonly T[] {
  if (value === undefined) return known;
  const wanted = value.split(',').map((word) => word.trim());
  for (const word of wanted) {
    if (!known.some((id) => id === word)) {
      throw new UsageError(`${flag}: expected some of ${known.join(', ')}, got ${JSON.stringify(word)}`);
    }
  }
  return known.filter((id) => wanted.includes(id));
}

/** A number above 0, up to 1000. */
export function positive(flag: string, value: string | undefined, whole: boolean): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!(number > 0 && number <= 1000) || (whole && !Number.isInteger(number))) {
    throw new UsageError(
      `${flag}: expected a ${whole ? 'whole ' : ''}number up to 1000, got ${JSON.stringify(value)}`,
    );
  }
  return number;
}

/**
 * Reads the arguments that follow the script's name.
 *
 * @throws {UsageError} an unknown option, work or peer, or a number out of range
 */
export function parseOptions(args: readonly string[]): Options {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string' },
        peers: { type: 'string' },
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
  const quick = values.quick ?? false;
  const narrowing = [values.only, values.peers, values.rounds, values.seconds, values.quick, values.profile];
  return {
    help: values.help ?? false,
    works: chosen('--only', values.only, [...WORKS.map((work) => work.id), IDLE_ID]),
    peers: chosen('--peers', values.peers, PEER_IDS),
    rounds: positive('--rounds', values.rounds, true) ?? (quick ? 1 : 3),
    seconds: positive('--seconds', values.seconds, false) ?? (quick ? 1 : undefined),
    profile: values.profile ?? false,
    json: values.json ?? false,
    output: values.output,
    build: !(values['no-build'] ?? false),
    keep: values.keep ?? false,
    full: narrowing.every((value) => value === undefined),
  };
}
