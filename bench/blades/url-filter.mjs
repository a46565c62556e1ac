// Memory and speed of the URL filter's table with generated domains: node bench/blades/url-filter.mjs [entries]
// Needs a build. Prints a Markdown table; docs/blades/url-filter.md has one.

import { mkdtemp, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loadLists } from '../../dist/plugins/url-filter/load.js';

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const LOOK_UPS = 1_000_000;
const TOP = ['com', 'net', 'org', 'de', 'co.uk', 'info', 'xyz', 'ru', 'cn', 'io'];

/** The n-th of endlessly many names, the same at each run. */
function nameOf(n) {
  const word = (Math.imul(n + 1, 2654435761) >>> 0).toString(36);
  return `${n % 3 === 0 ? 'www.' : ''}${word}-${n.toString(36)}.${TOP[n % TOP.length]}`;
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

  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAt = performance.now();
  const job = {
    categories: [{ name: 'list', lists: [file], format: 'auto', entries: [] }],
    maxEntries: 2 * ENTRIES,
    maxPatterns: 1000,
  };
  const { table } = await loadLists(job);
  const loadMs = performance.now() - startedAt;
  delay.disable();

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
    ['longest pause of the event loop meanwhile', `${(delay.max / 1e6).toFixed(1)} ms`],
    ['a look-up', `${microseconds.toFixed(2)} µs`],
  ];
  console.log('| what | measured |\n| --- | --- |');
  for (const [name, value] of rows) console.log(`| ${name} | ${value} |`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
