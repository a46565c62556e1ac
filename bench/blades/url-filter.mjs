// Memory and speed of the URL filter's table with generated domains: node bench/blades/url-filter.mjs [entries]
// Needs a build. Prints a Markdown table; docs/blades/url-filter.md has one.

import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { closeSync, createWriteStream, openSync, readSync } from 'node:fs';
import { loadLists } from '../../dist/plugins/url-filter/load.js';

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const LOOK_UPS = 1_000_000;
const TOP = ['com', 'net', 'org', 'de', 'co.uk', 'info', 'xyz', 'ru', 'cn', 'io'];

/** The n-th of endlessly many names, the same at each run. */
function nameOf(n) {
  const word = (Math.imul(n + 1, 2654435761) >>> 0).toString(36);
  return `${n % 3 === 0 ? 'www.' : ''}${word}-${n.toString(36)}.${TOP[n % TOP.length]}`;
}

/**
 * Longest turn of the event loop until the function returned is called, in milliseconds of the thread's own CPU
 * time (Linux counts it in steps of up to 4 ms): time that other programs have the core for is not the table's.
 */
function longestTurn() {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const text = Buffer.alloc(128);
  const cpuMs = () => Number(text.toString('latin1', 0, readSync(file, text, 0, 128, 0)).split(' ')[0]) / 1e6;
  let last = cpuMs();
  let longest = 0;
  let next = setImmediate(function turn() {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    next = setImmediate(turn);
  });
  return () => {
    clearImmediate(next);
    closeSync(file);
    return longest;
  };
}

const folder = await mkdtemp(path.join(tmpdir(), 'weir-bench-'));
try {
  const file = path.join(folder, 'list');
  const output = createWriteStream(file);
  for (let n = 0; n < ENTRIES; n += 1) {
    if (!output.write(`${nameOf(n)}\n`)) await once(output, 'drain');
  }
  output.end();
  await once(output, 'finish');

  const ended = longestTurn();
  const startedAt = performance.now();
  const job = {
    categories: [{ name: 'list', lists: [file], format: 'auto', entries: [] }],
    maxEntries: 2 * ENTRIES,
    maxPatterns: 1000,
  };
  const { table } = await loadLists(job);
  const loadMs = performance.now() - startedAt;
  const turnMs = ended();

  const hosts = Array.from({ length: 100_000 }, (_, i) => nameOf(i % 2 === 0 ? i * 7 : ENTRIES + i));
  const found = new Set();
  let hits = 0;
  const lookUp = (count) => {
    const begin = performance.now();
    for (let i = 0; i < count; i += 1) {
      found.clear();
      table.find(hosts[i % hosts.length], '/some/path', found);
      hits += found.size;
    }
    return (performance.now() - begin) / count;
  };
  lookUp(LOOK_UPS / 10); // warm
  const microseconds = lookUp(LOOK_UPS) * 1000;
  if (hits === 0) throw new Error('nothing was found');

  const rows = [
    ['entries', table.size.toLocaleString('en')],
    [
      'table',
      `${(table.bytes / 2 ** 20).toFixed(1)} MiB, ${(table.bytes / table.size).toFixed(2)} bytes an entry`,
    ],
    ['loading', `${(loadMs / 1000).toFixed(1)} s in its thread`],
    ['longest turn of the event loop meanwhile', `${turnMs.toFixed(1)} ms of CPU time`],
    ['a look-up', `${microseconds.toFixed(2)} µs`],
  ];
  console.log('| what | measured |\n| --- | --- |');
  for (const [name, value] of rows) console.log(`| ${name} | ${value} |`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
