// Lines that several processes share, in real files: whole lines only, whatever a crash has left, and bounded.

import { appendFile, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { Journal } from '../../../src/gateway/verdicts/journal.ts';
import { VerdictStore } from '../../../src/gateway/verdicts/verdict-store.ts';
import { tempDirForFile } from '../../support/tempDir.ts';

const DEAD = 2 ** 22 + 1; // above the highest process id that Linux gives

let base: string;
let count = 0;

beforeAll(async () => {
  base = await tempDirForFile('weir-journal-');
});

interface Opened {
  readonly journal: Journal;
  readonly lines: unknown[];
  readonly troubles: unknown[];
}

function open(folder: string, maxBytes = 1_000_000): Opened {
  const lines: unknown[] = [];
  const troubles: unknown[] = [];
  const journal = new Journal({
    ...{ folder, name: 'test', maxBytes, maxAgeMs: 1e9 },
    onLine: (line) => lines.push(line),
    onTrouble: (error) => troubles.push(error),
  });
  return { journal, lines, troubles };
}

const newFolder = (): string => `${base}/${count++}`;

test('what one appends, the other reads once, and none reads its own', async () => {
  const folder = newFolder();
  const [one, two] = [open(folder), open(folder)];
  await one.journal.refresh(); // nothing is there yet, not even the folder
  for (let n = 0; n < 3; n++) one.journal.append({ n });
  await one.journal.flush();
  await two.journal.refresh();
  one.journal.append({ n: 3 });
  two.journal.append({ m: 0 });
  await Promise.all([one.journal.flush(), two.journal.flush()]);
  await Promise.all([one.journal.refresh(), two.journal.refresh()]);
  expect(two.lines).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]);
  expect(one.lines).toEqual([{ m: 0 }]);
  expect([...one.troubles, ...two.troubles]).toEqual([]);
});

test('a line that is still being written is read when it is whole; what is no JSON is left out', async () => {
  const folder = newFolder();
  await mkdir(folder);
  const file = `${folder}/test-a-${DEAD}-0.jsonl`;
  await writeFile(file, '{"n":0}\n\u0000\u0000garbage\n7\n{"n":');
  const { journal, lines } = open(folder);
  await journal.refresh();
  expect(lines).toEqual([{ n: 0 }]);
  await appendFile(file, '1}\n');
  await journal.refresh();
  expect(lines).toEqual([{ n: 0 }, { n: 1 }]);
});

test('lines longer than a piece and files of many pieces are read whole', async () => {
  const folder = newFolder();
  await mkdir(folder);
  const text = Array.from({ length: 20_000 }, (_, n) => `{"n":${n}}\n`).join('');
  await writeFile(`${folder}/test-a-${DEAD}-0.jsonl`, `${'x'.repeat(200_000)}\n${text}`);
  const { journal, lines } = open(folder);
  await journal.refresh();
  expect(lines).toHaveLength(20_000);
  expect(lines.at(-1)).toEqual({ n: 19_999 });
});

test('the oldest segments of processes that have ended go when there are too many bytes, or they are too old', async () => {
  const folder = newFolder();
  await mkdir(folder);
  for (const age of ['a', 'b', 'c']) {
    await writeFile(`${folder}/test-${age}-${DEAD}-0.jsonl`, `{"x":"${'x'.repeat(400)}"}\n`);
  }
  await writeFile(`${folder}/test-0-${process.pid}-0.jsonl`, '{}\n'); // of this process: stays
  const old = new Date(Date.now() - 2e9);
  await writeFile(`${folder}/test-d-${DEAD}-0.jsonl`, '{}\n');
  await utimes(`${folder}/test-d-${DEAD}-0.jsonl`, old, old);
  const { journal } = open(folder, 1000);
  journal.append({ n: 0 });
  await journal.flush();
  const left = (await readdir(folder)).filter((name) => !/^test-[a-z0-9]{6,}-/.test(name)).sort();
  expect(left).toEqual([`test-0-${process.pid}-0.jsonl`, `test-b-${DEAD}-0.jsonl`, `test-c-${DEAD}-0.jsonl`]);
});

test('own segments are bounded as well', async () => {
  const folder = newFolder();
  const { journal } = open(folder, 4000);
  for (let n = 0; n < 40; n++) {
    journal.append({ n, x: 'x'.repeat(500) });
    await journal.flush();
  }
  const names = await readdir(folder);
  expect(names.length).toBeGreaterThan(1);
  expect(names.length).toBeLessThan(8);
});

test('a folder that cannot be made costs the memory of it, not the verdict', async () => {
  await writeFile(`${base}/file`, '');
  const troubles: unknown[] = [];
  const store = new VerdictStore({
    ...{ folder: `${base}/file/below`, entries: 100, maxAgeMs: 1000 },
    onTrouble: (error) => troubles.push(error),
  });
  await store.fresh();
  store.addClean('key', 10);
  await store.flush();
  expect(store.get('key')).toBe('clean');
  expect(troubles[0]).toMatchObject({ code: 'ENOTDIR' });
});

test('clean verdicts are bounded by number, the least used go first, and end with their age', async () => {
  const store = new VerdictStore({ folder: newFolder(), entries: 100, maxAgeMs: 60_000 });
  for (let n = 0; n <= 100; n++) {
    store.addClean(`key ${n}`, 0);
    store.get('key 0');
  }
  expect([store.get('key 0'), store.get('key 1'), store.get('key 100')]).toEqual(['clean', null, 'clean']);
  const expired = new VerdictStore({ folder: newFolder(), entries: 100, maxAgeMs: -1 });
  expired.addClean('key', 0);
  expired.addFound('other', { kind: 'block', threat: 't', severity: 'low', reason: 'r', incident: 'W-1' });
  expect([expired.get('key'), expired.get('other')]).toEqual([null, null]);
  await Promise.all([store.flush(), expired.flush()]);
});
