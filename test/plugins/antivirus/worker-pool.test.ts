import { beforeAll, describe, expect, test } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { startProcess, threadHost, type ScanHost } from '../../../plugins/antivirus/scan-host.ts';
import { WorkerPool, type PoolOptions } from '../../../plugins/antivirus/worker-pool.ts';
import { tempDir, tempDirForFile } from '../../support/tempDir.ts';
import { antivirusBlade } from './blade-support.ts';

/** A host that speaks the pool's protocol; jobs are what it shall do. */
const SCRIPT = `
const { parentPort, threadId } = require('node:worker_threads');
const post = (message) => (parentPort ? parentPort.postMessage(message) : process.send(message));
(parentPort ?? process).on('message', (job) => {
  const done = (result) => post({ kind: 'done', result });
  if (job === 'id') done(threadId + process.pid);
  else if (job === 'exit') process.exit(3);
  else if (job === 'spin') for (;;);
  else if (job === 'crash' && parentPort) throw new Error('boom');
  else if (job === 'crash') process.kill(process.pid, 'SIGKILL');
  else if (job === 'refuse') post({ kind: 'failed', error: { code: 'ERR_SPOOL', message: 'no disk' } });
  else done(job);
});
post({ kind: 'ready' });`;
const UNUSABLE = `
const post = (message) => (parentPort ? parentPort.postMessage(message) : process.send(message));
const { parentPort } = require('node:worker_threads');
(parentPort ?? process).on('message', () => {});
post({ kind: 'unusable', error: { code: 'ERR_PLUGIN_OPTIONS', message: 'bad rules' } });`;

let script: string;
let unusable: string;
beforeAll(async () => {
  const folder = await tempDirForFile();
  [script, unusable] = [path.join(folder, 'script.cjs'), path.join(folder, 'unusable.cjs')];
  await Promise.all([writeFile(script, SCRIPT), writeFile(unusable, UNUSABLE)]);
});

describe.each<[string, (file: string) => ScanHost]>([
  ['threads', (file) => threadHost(new Worker(file, { stderr: true }))],
  ['processes', (file) => startProcess({ url: pathToFileURL(file), options: { argv: [] } })],
])('WorkerPool of %s', (_name, start) => {
  function pool(options: Partial<PoolOptions> = {}) {
    const defaults = { size: 1, timeoutMs: 10_000, maxQueue: 10, start: () => start(script) };
    const created = new WorkerPool<unknown, unknown>({ ...defaults, ...options });
    return Object.assign(created, { [Symbol.asyncDispose]: () => created.close() });
  }

  test('starts no thread before the first job, and no more than it may', async () => {
    await using threads = pool({ size: 2 });
    expect(threads.threads).toBe(0);
    const results = await Promise.all(Array.from({ length: 9 }, (_, i) => threads.run({ i })));
    expect(results).toEqual(Array.from({ length: 9 }, (_, i) => ({ i })));
    expect(threads.threads).toBe(2);
  });

  test.each([
    ['crash', /boom|SIGKILL/],
    ['exit', /exited with 3/],
  ])('fails the job of a thread lost by %s, and runs the next in a new thread', async (job, message) => {
    await using threads = pool();
    const first = await threads.run('id');
    const lost = threads.run(job);
    const next = threads.run('id');
    await expect(lost).rejects.toMatchObject({
      code: 'ERR_PLUGIN_FAILED',
      message: expect.stringMatching(message),
    });
    expect(await next).not.toBe(first);
  });

  test('passes on the code of an error that the thread names', async () => {
    await using threads = pool();
    await expect(threads.run('refuse')).rejects.toMatchObject({ code: 'ERR_SPOOL', message: 'no disk' });
  });

  test('ends a thread that spins past the time limit', async () => {
    await using threads = pool({ timeoutMs: 100 });
    await expect(threads.run('spin')).rejects.toMatchObject({ code: 'ERR_SCAN_TIMEOUT' });
    expect(await threads.run('well')).toBe('well');
  });

  test('aborts running and waiting jobs, and only those', async () => {
    await using threads = pool();
    const running = new AbortController();
    const waiting = new AbortController();
    const jobs = [threads.run('spin', running.signal), threads.run('a', waiting.signal), threads.run('b')];
    const settled = Promise.allSettled(jobs);
    waiting.abort();
    running.abort();
    expect(await settled).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'ERR_ABORTED' }) },
      { status: 'rejected', reason: expect.objectContaining({ code: 'ERR_ABORTED' }) },
      { status: 'fulfilled', value: 'b' },
    ]);
    await expect(threads.run('c', AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('refuses the job that is one too many to wait', async () => {
    await using threads = pool({ maxQueue: 2 });
    const jobs = ['run', 'wait', 'wait'].map((job) => threads.run(job));
    await expect(threads.run('too many')).rejects.toMatchObject({ code: 'ERR_SCAN_UNAVAILABLE' });
    expect(await Promise.all(jobs)).toEqual(['run', 'wait', 'wait']);
  });

  test('fails what runs and waits when it is closed', async () => {
    const threads = pool();
    const settled = Promise.allSettled([threads.run('spin'), threads.run('wait')]);
    await threads.close();
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SCAN_UNAVAILABLE' } });
    }
    await expect(threads.run('late')).rejects.toMatchObject({ code: 'ERR_SCAN_UNAVAILABLE' });
  });

  test('fails each job whose thread cannot be set up', async () => {
    await using threads = pool({ start: () => start(unusable) });
    await expect(threads.warmUp()).rejects.toMatchObject({ code: 'ERR_PLUGIN_OPTIONS' });
    await expect(threads.run('x')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: 'bad rules',
    });
  });
});

describe('an idle scanner', () => {
  test.each([[[]], [['mine']]])('lets the process end (rule folders: %j)', async (rules) => {
    await using folder = await tempDir();
    await folder.write('mine.yar', 'rule Mine { strings: $a = "zebra" condition: $a }');
    const support = new URL('./blade-support.ts', import.meta.url).href;
    const script = await folder.write(
      'scan.mjs',
      `import { antivirusBlade } from ${JSON.stringify(support)};
       const av = await antivirusBlade({ rules: ${JSON.stringify(rules.map(() => folder.path))} });
       console.log((await av.inspect(Buffer.alloc(100_000))).kind);`,
    );
    const loader = fileURLToPath(new URL('../../../src/util/source-worker.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [loader, pathToFileURL(script).href]);
    expect(stdout).toBe('allow\n');
  });
});

describe('a scan', () => {
  test('that takes too long fails, and the next one works', async () => {
    await using folder = await tempDir();
    // Backtracks for ever on the right bytes: what a bad rule of a user does.
    await folder.write('slow.yar', 'rule Slow { strings: $a = /a.{1,80}b.{1,40}c/s condition: $a }');
    await using av = await antivirusBlade({ rules: [folder.path], timeout: 300, workers: 1 });
    const slow = Buffer.alloc(32 * 1024, 'ab');
    await expect(av.inspect(slow)).rejects.toMatchObject({ code: 'ERR_SCAN_TIMEOUT' });
    expect(await av.inspect(Buffer.from('quick'))).toEqual({ kind: 'allow' });
  });

  test('is aborted by the signal', async () => {
    await using folder = await tempDir();
    execFileSync('sh', ['-c', `head -c 200000000 /dev/zero > ${folder.join('big')}`]);
    await using av = await antivirusBlade();
    const abort = new AbortController();
    const scan = av.inspect(folder.join('big'), {}, abort.signal);
    setImmediate(() => abort.abort());
    await expect(scan).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('of a file that is gone fails with ERR_SPOOL', async () => {
    await using folder = await tempDir();
    await using av = await antivirusBlade();
    const file = await folder.write('gone', Buffer.alloc(100));
    const scan = av.inspect(file);
    await rm(file);
    await expect(scan).rejects.toMatchObject({ code: 'ERR_SPOOL' });
  });
});
