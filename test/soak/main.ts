// `npm run soak`: reads the options, runs one soak and prints what it came to. Started by run.mjs.

import { parseArgs } from 'node:util';
import { hasPeer } from '../support/peers/find.mjs';
import { missingPeersText } from '../support/peers/requirePeer.ts';
import { OUTCOMES } from './ledger.ts';
import { type Progress, soak, type Summary } from './soak.ts';

const PROGRESS_SECONDS = 5;
const SHOWN_FAILURES = 20;
const HELP = `Usage: npm run soak -- [options]

Runs a real Weir behind many clients while its ICAP servers (two gateways, c-icap, and one that misbehaves at
random) are killed, frozen and started again. Every answer must be the exact bytes, a block page for what is
infected, or an error page that the log knows; at the end nothing may be left behind.

  --minutes N   how long clients are served (default 10)
  --seconds N   the same in seconds
  --clients N   clients at a time (default 200)
  --seed N      the same seed asks for the same things (default: a new one, which is printed)
  --json        the summary as JSON
  --help

Example: npm run soak -- --minutes 2 --clients 50
Ctrl-C ends it early, with its summary. Exit code: 0 all was right, 1 something failed, 2 wrong usage.`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function wrongUsage(problem: string): never {
  process.stderr.write(`soak: ${problem}\n\n${HELP}\n`);
  process.exit(2);
}

function readOptions(): { seconds: number; clients: number; seed: number; json: boolean } {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  let values;
  try {
    const named = { minutes: text, seconds: text, clients: text, seed: text, json: flag, help: flag };
    ({ values } = parseArgs({ options: named }));
  } catch (error) {
    return wrongUsage((error as Error).message);
  }
  if (values.help === true) {
    say(HELP);
    process.exit(0);
  }
  const number = (name: 'minutes' | 'seconds' | 'clients' | 'seed', least: number, most: number): number => {
    const given = Number(values[name]);
    if (!(given >= least && given <= most) || (name !== 'minutes' && !Number.isInteger(given)))
      wrongUsage(`--${name}: expected ${least} to ${most}, got "${values[name]}"`);
    return given;
  };
  if (values.minutes !== undefined && values.seconds !== undefined)
    wrongUsage('give either --minutes or --seconds');
  return {
    seconds:
      values.seconds !== undefined
        ? number('seconds', 3, 604_800)
        : values.minutes === undefined
          ? 600
          : Math.round(number('minutes', 0.05, 10_080) * 60),
    clients: values.clients === undefined ? 200 : number('clients', 1, 5000),
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : number('seed', 0, 2 ** 31),
    json: values.json === true,
  };
}

function progressLine({ seconds, requests, counts, failed, megabytes }: Progress): string {
  const outcomes = OUTCOMES.map((name) => `${name} ${counts[name]}`).join(', ');
  const rate = Math.round(requests / Math.max(1, seconds));
  return `soak: ${seconds} s, ${requests} requests (${rate}/s, ${megabytes} MB): ${outcomes}; failed ${failed}`;
}

const table = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ×${count}`)
    .join(', ');

function printSummary(summary: Summary): void {
  const { memory, descriptors, failures } = summary;
  say(progressLine(summary));
  say(`soak: errors: ${table(summary.codes)}; passed by a bypassing service: ${summary.bypassed}`);
  say(`soak: done to servers: ${table(summary.chaos)}`);
  say(`soak: the fault server: ${table(summary.faults)}`);
  say(`soak: all routes served again after ${summary.recovery ?? 'more than 45'} s`);
  const { before, after } = memory;
  const grown = (kind: keyof typeof before): string => `${kind} ${before[kind]} → ${after[kind]} MiB`;
  say(
    `soak: memory after warming up and at the end: ${(['heap', 'buffers', 'resident'] as const).map(grown).join(', ')}`,
  );
  say(
    `soak: sockets ${descriptors.before.sockets} → ${descriptors.after.sockets}, ` +
      `other descriptors ${descriptors.before.files} → ${descriptors.after.files}`,
  );
  for (const failure of failures.slice(0, SHOWN_FAILURES)) {
    say(`\nsoak: FAILED: ${failure.problem}\n${JSON.stringify(failure, null, 2)}`);
  }
  if (summary.ok) return say('soak: all was right');
  say(`\nsoak: ${summary.failed} failed; logs and configurations are in ${summary.folder}`);
  say(`soak: to ask for the same again: npm run soak -- --seed ${summary.seed} --clients ${summary.clients}`);
}

const { json, ...options } = readOptions();
const missing = (['c-icap', 'openssl'] as const).filter((name) => !hasPeer(name));
if (missing.length > 0) {
  process.stderr.write(`soak: ${missingPeersText(missing)}\n`);
  process.exit(2);
}
if (!json) say(`soak: ${options.seconds} s, ${options.clients} clients, --seed ${options.seed}`);
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopped.signal.aborted) process.exit(1);
    process.stderr.write('soak: stopping, and summing up (again: at once)\n');
    stopped.abort();
  });
}
let shownAt = 0;
const summary: Summary = await soak({
  ...options,
  signal: stopped.signal,
  onProgress(progress) {
    if (json || !process.stdout.isTTY || progress.seconds < shownAt + PROGRESS_SECONDS) return;
    shownAt = progress.seconds;
    say(progressLine(progress));
  },
}).catch((error: Error) => {
  process.stderr.write(`soak: cannot start: ${error.message}\n`);
  process.exit(1);
});
if (json) say(JSON.stringify(summary, null, 2));
else printSummary(summary);
process.exit(summary.ok ? 0 : 1);
