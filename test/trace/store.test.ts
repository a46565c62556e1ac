// The store on real files: rotation, bounds, what a kill leaves behind, and what happens when it cannot keep up.

import { appendFile, readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import type { ProxyRecord } from '../../src/telemetry/records.ts';
import { TransactionNotes } from '../../src/trace/notes.ts';
import { findTrace, lastTraces } from '../../src/trace/reader.ts';
import { TraceStore } from '../../src/trace/store.ts';
import { newIncidentId } from '../../src/util/incident-id.ts';
import { tempDir } from '../support/tempDir.ts';

const MIB = 2 ** 20;
const HOUR = 3_600_000;

function record(changes: Partial<ProxyRecord> = {}): ProxyRecord {
  return {
    ...{
      id: newIncidentId(),
      client: '127.0.0.1',
      user: null,
      method: 'GET',
      url: 'http://site.test/',
      status: 200,
    },
    ...{
      bytesIn: 0,
      bytesOut: 4,
      tls: null,
      adaptation: [],
      verdict: 'allowed',
      threat: null,
      incident: null,
      ms: 1,
    },
    ...changes,
  };
}

/** Some 10 KB as a line. */
function bulky(): TransactionNotes {
  const headers = Array.from({ length: 20 }, (_, index) => [`X-Field-${index}`, 'v'.repeat(500)]).flat();
  return new TransactionNotes(0, { method: 'GET', target: '/', version: '1.1', headers }, null);
}

function storeIn(folder: string, limits: { maxBytes?: number; maxAgeMs?: number } = {}) {
  const warnings: string[] = [];
  const store = new TraceStore({
    ...{ folder, maxBytes: 64 * MIB, maxAgeMs: 24 * HOUR, bodies: 0, ...limits },
    telemetry: { event: (_level, message) => void warnings.push(message) },
  });
  return Object.assign(store, { warnings, [Symbol.asyncDispose]: () => store.close() });
}

async function sizes(folder: string): Promise<number[]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => (await stat(path.join(folder, name))).size));
}

test('segments rotate, and all of them together stay below maxBytes at every moment', async () => {
  await using folder = await tempDir();
  await using store = storeIn(folder.path, { maxBytes: MIB });
  let last = '';
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 10; i++) {
      const one = record({ verdict: 'blocked' }); // never left out for want of time
      last = one.id;
      store.add(one, bulky());
    }
    await store.flush();
    const all = await sizes(folder.path);
    expect(all.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MIB);
  }
  expect((await sizes(folder.path)).length).toBeGreaterThan(3);
  expect(store.dropped).toBe(0);
  expect((await findTrace(folder.path, last)).traces).toHaveLength(1);
  expect((await store.find(last))?.id).toBe(last);
});

test('segments that are older than maxAge go when the next one is begun', async () => {
  await using folder = await tempDir();
  const names = [1, 2].map((n) => path.join(folder.path, `trace-000000000000${n}-1-1.jsonl`));
  for (const name of names) await writeFile(name, '{"v":1}\n');
  const past = new Date(Date.now() - 2 * HOUR);
  await utimes(names[0]!, past, past);
  await using store = storeIn(folder.path, { maxAgeMs: HOUR });
  store.add(record(), null);
  await store.flush();
  const left = await readdir(folder.path);
  expect(left).not.toContain(path.basename(names[0]!));
  expect(left).toContain(path.basename(names[1]!));
});

test('files of others in the folder are left alone', async () => {
  await using folder = await tempDir();
  await folder.write('notes.txt', 'x'.repeat(2 * MIB));
  await using store = storeIn(folder.path, { maxBytes: MIB });
  store.add(record(), null);
  await store.flush();
  expect(await readdir(folder.path)).toContain('notes.txt');
});

test('a last line that a kill has cut off is left out, and all before it are read', async () => {
  await using folder = await tempDir();
  await using store = storeIn(folder.path);
  const whole = record();
  store.add(whole, null);
  await store.flush();
  const file = path.join(folder.path, (await readdir(folder.path))[0]!);
  const cut = record();
  await appendFile(file, JSON.stringify({ v: 1, id: cut.id, time: 'x' }).slice(0, -5));
  expect((await lastTraces(folder.path, 10)).traces.map(({ id }) => id)).toEqual([whole.id]);
  expect((await findTrace(folder.path, cut.id)).traces).toEqual([]);
});

test('traces that find no place are counted, those of uneventful transactions first', async () => {
  await using folder = await tempDir();
  await using store = storeIn(folder.path);
  for (let i = 0; i < 1500; i++) store.add(record(), null);
  const blocked = Array.from({ length: 100 }, () => record({ verdict: 'blocked' }));
  for (const one of blocked) store.add(one, null);
  expect(store.dropped).toBe(1500 - 1024);
  await store.flush();
  const { traces, dropped } = await lastTraces(folder.path, 5000);
  expect(traces.filter(({ verdict }) => verdict === 'blocked')).toHaveLength(100);
  expect(traces).toHaveLength(1124);
  expect(dropped).toBe(1500 - 1024);
});

test('a folder that cannot be made costs one warning, and traces are counted as left out', async () => {
  await using folder = await tempDir();
  await folder.write('taken', '');
  await using store = storeIn(folder.join('taken'));
  for (let i = 0; i < 3; i++) {
    store.add(record(), null);
    await store.flush();
  }
  expect(store.warnings).toHaveLength(1);
  expect(store.warnings[0]).toMatch(/^traces cannot be kept in .*taken: .*; traffic goes on without them$/);
  expect(store.dropped).toBe(3);
});

test('two stores may share a folder: what each has written is found', async () => {
  await using folder = await tempDir();
  await using one = storeIn(folder.path);
  await using other = storeIn(folder.path);
  const [first, second] = [record(), record()];
  one.add(first, null);
  other.add(second, null);
  await Promise.all([one.flush(), other.flush()]);
  expect((await lastTraces(folder.path, 10)).traces.map(({ id }) => id).sort()).toEqual(
    [first.id, second.id].sort(),
  );
});

test('close writes what waits, and nothing is taken after it', async () => {
  await using folder = await tempDir();
  const store = storeIn(folder.path);
  const before = record();
  store.add(before, null);
  await store.close();
  store.add(record(), null);
  await store.close();
  expect((await lastTraces(folder.path, 10)).traces.map(({ id }) => id)).toEqual([before.id]);
});

test('a line has a bound, whatever the transaction was', async () => {
  await using folder = await tempDir();
  await using store = storeIn(folder.path);
  const notes = bulky();
  for (let i = 0; i < 40; i++) {
    const step = notes.step('RESPMOD', 'scan', null, null);
    for (let j = 0; j < 40; j++) {
      const exchange = step.asks('scan').exchange('127.0.0.1:1');
      exchange.requestHead = `RESPMOD icap://x/ ICAP/1.0\r\n${'X-A: b\r\n'.repeat(200)}\r\n`;
    }
  }
  store.add(record(), notes);
  await store.flush();
  const file = path.join(folder.path, (await readdir(folder.path))[0]!);
  expect((await readFile(file)).length).toBeLessThan(128 * 1024);
});

test('a folder that does not exist has no traces; one that may not be read is an error with a code', async () => {
  await using folder = await tempDir();
  expect(await lastTraces(folder.join('none'), 10)).toEqual({ traces: [], dropped: 0 });
  await folder.write('file', '');
  await expect(lastTraces(folder.join('file'), 10)).rejects.toMatchObject({ code: 'ERR_TRACE_STORE' });
});
