// tuneHeap() in processes of its own, as V8's flags hold for a whole process.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, jest, test } from '@jest/globals';

const MODULE = new URL('../../src/util/heap.ts', import.meta.url).href;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIGHT = '--heap-growing-percent=10'; // collect as soon as the heap has grown by a tenth

/** Keeps all that `make` returns, so that V8 takes it for long-lived, then none; prints what dies old, in MB. */
const PRETENURING = `
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { tuneHeap } from ${JSON.stringify(MODULE)};
if (process.argv.includes('tuned')) tuneHeap();
setFlagsFromString('--heap-growing-percent=1000');
const old = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size;
const make = (i) => ({ number: i, text: 't', list: new Array(16).fill(i) });
let kept = [];
let last;
const run = async (times, use) => {
  for (let i = 0; i < times; i++) {
    use(make(i));
    if (i % 20_000 === 0) await new Promise(setImmediate);
  }
};
await run(300_000, (made) => kept.push(made));
kept = null;
const before = old();
await run(500_000, (made) => (last = made));
console.log(Math.round((old() - before) / 1e6));
`;

/** Replaces objects of a large live heap, so that the old generation fills, and counts major collections. */
const SCRIPT = `
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { tuneHeap } from ${JSON.stringify(MODULE)};
if (process.argv.includes('tight')) setFlagsFromString('${TIGHT}');
if (process.argv.includes('grow')) tuneHeap();
let majors = 0;
const observer = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majors++;
});
observer.observe({ entryTypes: ['gc'] });
const live = [];
for (let i = 0; i < 6_000_000; i++) {
  live[i % 300_000] = { number: i, text: 'item ' + i };
  if (i % 50_000 === 0) await new Promise(setImmediate);
}
await new Promise(setImmediate);
console.log(majors);
`;

async function printed(script: string, nodeOptions: readonly string[], ...words: string[]): Promise<number> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const args = [
    ...nodeOptions,
    '--import',
    'tsx',
    '--input-type=module',
    '--eval',
    script,
    'script',
    ...words,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  return Number(stdout);
}

const majorCollections = (nodeOptions: readonly string[], ...words: string[]): Promise<number> =>
  printed(SCRIPT, nodeOptions, ...words);

// How often V8 collects depends on when it compiles, which other processes delay: a fault shows each time.
jest.retryTimes(2, { logErrorsBeforeRetry: true });

describe('tuneHeap', () => {
  test('lets the heap grow further before it is collected', async () => {
    const before = await majorCollections([], 'tight');
    const after = await majorCollections([], 'tight', 'grow');
    expect(after).toBeLessThan(before / 2);
  });

  test('a flag that the user gave to node stays in force', async () => {
    const users = await majorCollections([TIGHT], 'grow');
    const ours = await majorCollections([], 'grow');
    expect(ours).toBeLessThan(users / 2);
  });

  test('what a message needs is not allocated among the old objects', async () => {
    const untouched = await printed(PRETENURING, []);
    const tuned = await printed(PRETENURING, [], 'tuned');
    expect(tuned).toBeLessThan(untouched / 2);
  });
});
