// Loads the lists of a configuration: short ones on the spot, others in a thread, since sorting a million
// entries takes longer than an event loop may be held up.

import { createHash, randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { PluginError, workerOptions } from 'weir';
import { HostTable } from './host-table.ts';
import { buildLists, ListError, type BuildJob, type BuiltLists, type CategoryReport } from './lists.ts';
import type { ListReply } from './list-worker.ts';
import { PatternSet } from './url-pattern.ts';

/** Files of so many bytes together are read in the event loop: some three milliseconds of it. */
const INLINE_BYTES = 64 * 1024;

export interface Lists {
  readonly table: HostTable;
  readonly patterns: PatternSet;
  readonly report: readonly CategoryReport[];
  /** SHA-256 of all list files. */
  readonly hash: string;
}

/** @throws {PluginError} `ERR_PLUGIN_OPTIONS` naming the file that cannot be used, and why */
export async function loadLists(job: Omit<BuildJob, 'seed'>): Promise<Lists> {
  const seeded: BuildJob = { ...job, seed: randomInt(2 ** 32) };
  const files = job.categories.flatMap(({ lists }) => lists);
  let total = 0;
  const hash = createHash('sha256');
  for (const file of files) {
    try {
      total += (await stat(file)).size;
      await pipeline(createReadStream(file), hash, { end: false });
    } catch (error) {
      throw refused(`${file} cannot be read: ${(error as Error).message}`, error);
    }
  }
  const built = total <= INLINE_BYTES ? await buildHere(seeded) : await buildInThread(seeded);
  const patterns = new PatternSet();
  for (const { list, text } of built.patterns) patterns.add(list, text);
  return { table: new HostTable(built.table), patterns, report: built.report, hash: hash.digest('hex') };
}

async function buildHere(job: BuildJob): Promise<BuiltLists> {
  try {
    return await buildLists(job);
  } catch (error) {
    if (error instanceof ListError) throw refused(error.message, error);
    throw error;
  }
}

async function buildInThread(job: BuildJob): Promise<BuiltLists> {
  const { url, options } = workerOptions(import.meta.url, './list-worker');
  const worker = new Worker(url, options);
  try {
    const reply = await new Promise<ListReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the thread that reads lists exited with ${code}`)));
      worker.postMessage(job);
    });
    if ('built' in reply) return reply.built;
    if (reply.ours) throw refused(reply.error);
    throw new PluginError('ERR_PLUGIN_FAILED', `url-filter lists: ${reply.error}`);
  } finally {
    await worker.terminate();
  }
}

function refused(message: string, cause?: unknown): PluginError {
  return new PluginError('ERR_PLUGIN_OPTIONS', `url-filter lists: ${message}`, {}, cause);
}
