// Runs the fuzz targets in turns until the time is up. A turn has its own seed, made of the session's and the
// turn's number, so that the same seed gives the same cases whatever the machine's speed.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { type FuzzCase, type FuzzTarget, toPage } from './case.ts';

const SHRINK_LIMIT_MS = 60_000; // a turn that takes longer is broken off; usually it is shrinking
const WARM_UP_TURNS = 10;
const ALLOWED_GROWTH = 32; // MiB of heap and buffers after collection

export interface Turn {
  readonly target: string;
  readonly number: number;
}

export interface Tally {
  cases: number;
  /** Codes, states and statuses that were met, with how often. */
  readonly seen: Map<string, number>;
}

export interface SessionOptions {
  readonly targets: readonly FuzzTarget[];
  readonly seconds: number;
  readonly seed: number;
  /** Folder for the pages of failing cases. */
  readonly failures: string;
  onTurn(turn: Turn): void;
  onProgress(tallies: ReadonlyMap<string, Tally>): void;
  onFailure(target: string, message: string, page: string | null): void;
}

/** MiB in use after a collection; null where the collector cannot be called (`--expose-gc`). */
function memoryInUse(): number | null {
  if (globalThis.gc === undefined) return null;
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

/** Runs one turn; returns what failed, or null. */
async function runTurn(
  target: FuzzTarget,
  seed: number,
  tally: Tally,
): Promise<{ message: string; given: FuzzCase | null } | null> {
  const seen = (what: string): void => void tally.seen.set(what, (tally.seen.get(what) ?? 0) + 1);
  const property = fc.asyncProperty(target.cases, async (given) => {
    tally.cases++;
    await target.check(given, seen);
  });
  const details = await fc.check(property, {
    seed,
    numRuns: target.runsPerTurn,
    interruptAfterTimeLimit: SHRINK_LIMIT_MS,
    markInterruptAsFailure: false,
  });
  if (details.failed) {
    const error = details.errorInstance;
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { message, given: details.counterexample?.[0] ?? null };
  }
  try {
    await target.settle?.(seen);
    return null;
  } catch (error) {
    return { message: (error as Error).stack ?? String(error), given: null };
  }
}

/** Returns the tallies by target and how many targets failed; a target that failed is not run again. */
export async function fuzz(
  options: SessionOptions,
): Promise<{ tallies: Map<string, Tally>; failed: number }> {
  const { targets, seconds, seed, failures } = options;
  const tallies = new Map<string, Tally>(targets.map(({ name }) => [name, { cases: 0, seen: new Map() }]));
  const failing = new Set<FuzzTarget>();
  const endsAt = Date.now() + seconds * 1000;
  let base: number | null = null;
  for (let number = 0; Date.now() < endsAt && failing.size < targets.length; number++) {
    for (const target of targets) {
      if (failing.has(target) || Date.now() >= endsAt) continue;
      options.onTurn({ target: target.name, number });
      const turnSeed = Math.imul(seed ^ number, 0x9e3779b1) | 0;
      const failure = await runTurn(target, turnSeed, tallies.get(target.name)!);
      options.onProgress(tallies);
      if (failure === null) continue;
      failing.add(target);
      options.onFailure(target.name, failure.message, await keep(target.name, failure, failures, seed));
    }
    if (number === WARM_UP_TURNS) base = memoryInUse();
  }
  for (const target of targets) await target.stop?.();
  const left = memoryInUse();
  if (base !== null && left !== null && left - base > ALLOWED_GROWTH) {
    options.onFailure('memory', `grew from ${base.toFixed(1)} to ${left.toFixed(1)} MiB`, null);
    return { tallies, failed: failing.size + 1 };
  }
  return { tallies, failed: failing.size };
}

/** Writes the shrunk case for test/fuzz/regressions.test.ts; its path, or null where there is none. */
async function keep(
  target: string,
  { given, message }: { given: FuzzCase | null; message: string },
  folder: string,
  seed: number,
): Promise<string | null> {
  if (given === null) return null;
  const { name, text } = toPage(target, given, message, `npm run fuzz -- --target ${target} --seed ${seed}`);
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}
