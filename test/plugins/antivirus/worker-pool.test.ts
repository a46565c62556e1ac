import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { WorkerPool, type PoolOptions } from '../../../plugins/antivirus/worker-pool.ts';
import { tempDir } from '../../support/tempDir.ts';
import { antivirusBlade } from './blade-support.ts';

/** A thread that speaks the pool's protocol; jobs are what it shall do. */
const THREAD = `
const { parentPort, threadId } = require('node:worker_threads');
parentPort.on('message', (job) => {
  const done = (result) => parentPort.postMessage({ kind: 'done', result });
  if (job === 'id') done(threadId);
  else if (job === 'crash') throw new Error('boom');
  else if (job === 'exit') process.exit(3);
  else if (job === 'spin') for (;;);
  else if (job === 'never') return;
  else if (job === 'refuse') parentPort.postMessage({ kind: 'failed', error: { code: 'ERR_SPOOL', message: 'no disk' } });
  else done(job);
});
parentPort.postMessage({ kind: 'ready' });`;

function pool(options: Partial<PoolOptions> = {}) {
  const created = new WorkerPool<unknown, unknown>({
    size: 1,
    timeoutMs: 10_000,
    maxQueue: 10,
    start: () => new Worker(THREAD, { eval: true }),
    ...options,
  });
  return Object.assign(created, { [Symbol.asyncDispose]: () => created.close() });
}

describe('WorkerPool', () => {
  test('starts no thread before the first job, and no more than it may', async () => {
    await using threads = pool({ size: 2 });
    expect(threads.threads).toBe(0);
    const results = await Promise.all(Array.from({ length: 9 }, (_, i) => threads.run({ i })));
    expect(results).toEqual(Array.from({ length: 9 }, (_, i) => ({ i })));
    expect(threads.threads).toBe(2);
  });

  test.each([
    ['crash', /boom/],
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
    const script = `require('node:worker_threads').parentPort.postMessage(
      { kind: 'unusable', error: { code: 'ERR_PLUGIN_OPTIONS', message: 'bad rules' } })`;
    await using threads = pool({ start: () => new Worker(script, { eval: true }) });
    await expect(threads.warmUp()).rejects.toMatchObject({ code: 'ERR_PLUGIN_OPTIONS' });
    await expect(threads.run('x')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: 'bad rules',
    });
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
