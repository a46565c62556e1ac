// The command line of the ICAP server suite; a wrong word is a usage error (exit 2).
import { chosen } from '../options.ts';
import { parseSuiteOptions } from '../suite-options.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { SCALING_ID, SECONDS, SERVER_IDS, SERVER_WORKS, type ServerId } from './works.ts';

const WORK_IDS = [...SERVER_WORKS.map((work) => work.id), SCALING_ID];

export const USAGE = `Usage: npm run bench -- --suite icap-server [options]

  --only a,b        works to run: ${WORK_IDS.join(', ')}
  --peers a,b       servers to run: ${SERVER_IDS.join(', ')}
  --rounds N        rounds, servers taking turns within each (default 3)
  --seconds N       measured seconds of each work (default ${SECONDS})
  --quick           one round of 1 second each
  --profile         run Weir under node --cpu-prof and print the functions that took most time
  --json            one JSON line per measurement on standard output instead of the table
  --output FILE     write the page there (a full run writes docs/performance-icap-server.md by itself)
  --no-build        use dist/ as it is
  --keep            leave the servers' configurations and logs behind and print where

Example: npm run bench -- --suite icap-server --only reqmod,64k-200 --rounds 1`;

export interface ServerOptions extends Omit<SuiteOptions, 'peers'> {
  /** Work ids, `workers` among them, in table order. */
  readonly works: readonly string[];
  readonly peers: readonly ServerId[];
  readonly rounds: number;
  readonly seconds: number;
}

/** @throws {UsageError} an unknown option, work or server, or a number out of range */
export function parseServerOptions(args: readonly string[]): ServerOptions {
  const options = parseSuiteOptions(args, ['only', 'peers', 'quick', 'keep']);
  const { only, peers, quick, rounds, seconds } = options;
  return {
    ...options,
    works: chosen('--only', only, WORK_IDS),
    peers: chosen('--peers', peers, SERVER_IDS),
    rounds: rounds ?? (quick ? 1 : 3),
    seconds: seconds ?? (quick ? 1 : SECONDS),
  };
}
