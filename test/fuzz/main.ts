// `npm run fuzz`: reads the options, runs the targets and prints what they met. Started by run.mjs, which
// watches that it goes on.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { codecTargets } from './codec-targets.ts';
import { conformingTarget } from './conforming-target.ts';
import { liveTarget } from './live-target.ts';
import { fuzz, type Tally, type Turn } from './session.ts';

const PROGRESS_MS = 5000;
const REGRESSIONS = fileURLToPath(new URL('../vectors/icap/regressions/', import.meta.url));
const TARGETS = [...codecTargets, liveTarget, conformingTarget];
const HELP = `Usage: npm run fuzz -- [options]

Damages ICAP messages and dialogues and gives them to the codec and to a listening server. A case that breaks
an invariant is shrunk and written to test/vectors/icap/regressions/.

  --seconds N     how long (default 600)
  --seed N        the same seed gives the same cases (default: a new one, which is printed)
  --target NAME   only this one: ${TARGETS.map(({ name }) => name).join(', ')}
  --failures DIR  where failing cases are written
  --help

Example: npm run fuzz -- --seconds 60 --target live-server
Exit code: 0 nothing found, 1 something failed, 2 wrong usage.`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function wrongUsage(problem: string): never {
  process.stderr.write(`fuzz: ${problem}\n\n${HELP}\n`);
  process.exit(2);
}

function options(): { seconds: number; seed: number; target: string | undefined; failures: string } {
  const strings = { type: 'string' } as const;
  const named = { seconds: strings, seed: strings, target: strings, failures: strings };
  let values: Partial<Record<keyof typeof named, string>> & { help?: boolean };
  try {
    ({ values } = parseArgs({ options: { ...named, help: { type: 'boolean' } } }));
  } catch (error) {
    return wrongUsage((error as Error).message);
  }
  if (values.help) {
    say(HELP);
    process.exit(0);
  }
  const number = (name: 'seconds' | 'seed', standard: number): number => {
    const text = values[name] ?? String(standard);
    if (!/^\d{1,10}$/.test(text)) wrongUsage(`--${name}: expected a whole number, got "${text}"`);
    return Number(text);
  };
  if (values.target !== undefined && !TARGETS.some(({ name }) => name === values.target))
    wrongUsage(`--target: no target "${values.target}"`);
  return {
    seconds: number('seconds', 600),
    seed: number('seed', Math.floor(Math.random() * 2 ** 31)),
    target: values.target,
    failures: values.failures ?? REGRESSIONS,
  };
}

const total = (tallies: ReadonlyMap<string, Tally>): number =>
  [...tallies.values()].reduce((sum, { cases }) => sum + cases, 0);

function progress(startedAt: number): (tallies: ReadonlyMap<string, Tally>) => void {
  let nextAt = startedAt + PROGRESS_MS;
  let before = 0;
  return (tallies) => {
    const now = Date.now();
    if (now < nextAt) return;
    const cases = total(tallies);
    const rate = Math.round(((cases - before) * 1000) / (now - nextAt + PROGRESS_MS));
    const distinct = [...tallies].map(([name, { seen }]) => `${name} ${seen.size}`).join(', ');
    const { rss } = process.memoryUsage();
    say(
      `fuzz: ${Math.round((now - startedAt) / 1000)} s, ${cases} cases, ${rate}/s, ` +
        `${Math.round(rss / 2 ** 20)} MiB; met: ${distinct}`,
    );
    before = cases;
    nextAt = now + PROGRESS_MS;
  };
}

const { seconds, seed, target, failures } = options();
say(`fuzz: ${seconds} s with --seed ${seed}`);
const { tallies, failed } = await fuzz({
  targets: TARGETS.filter(({ name }) => target === undefined || name === target),
  seconds,
  seed,
  failures,
  onTurn: (turn: Turn) => process.send?.(turn),
  onProgress: progress(Date.now()),
  onFailure(name, message, page) {
    say(`\nfuzz: FAILED ${name}\n${message}`);
    if (page !== null) say(`fuzz: the smallest case found is ${path.relative(process.cwd(), page)}: mend it`);
    say(`fuzz: to see it again: npm run fuzz -- --target ${name} --seed ${seed}\n`);
  },
});
for (const [name, { cases, seen }] of tallies) {
  const met = [...seen].sort(([a], [b]) => a.localeCompare(b)).map(([what, count]) => `${what} ×${count}`);
  say(`fuzz: ${name}: ${cases} cases; ${met.join(', ')}`);
}
say(`fuzz: ${total(tallies)} cases, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
