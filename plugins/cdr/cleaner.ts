// Where a body is cleaned: small ones on the spot, others in a thread each, two at a time.

import { Worker } from 'node:worker_threads';
import { PluginError, workerOptions } from 'weir';
import { cleanContent, type ContentResult } from './clean-content.ts';
import type { CleanJob } from './clean-worker.ts';
import type { CleanOptions } from './clean.ts';

/** Bodies up to here are cleaned in the event loop: few of them have parts that are long unpacked. */
const INLINE_BYTES = 64 * 1024;
const INLINE_PART_BYTES = 256 * 1024;
const THREADS = 2;
const MAX_WAITING = 64;

export class Cleaner {
  readonly #options: CleanOptions;
  readonly #waiting: (() => void)[] = [];
  readonly #workers = new Set<Worker>();
  #busy = 0;
  #closed = false;

  constructor(options: CleanOptions) {
    this.#options = options;
  }

  /**
   * @param boundary of an upload by form; null: the body is the file itself
   * @throws {PluginError} `ERR_SCAN_UNAVAILABLE` for too many documents or a lost thread, `ERR_ABORTED`
   */
  async clean(bytes: Buffer, boundary: string | null, signal: AbortSignal): Promise<ContentResult> {
    if (bytes.length <= INLINE_BYTES) {
      const small = {
        ...this.#options,
        maxPartBytes: INLINE_PART_BYTES,
        maxTotalBytes: 4 * INLINE_PART_BYTES,
      };
      const result = await cleanContent(bytes, boundary, small);
      if (!result.tooLarge) return result;
    }
    await this.#turn();
    try {
      return await this.#inThread(bytes, boundary, signal);
    } finally {
      this.#busy -= 1;
      this.#waiting.shift()?.();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  async #turn(): Promise<void> {
    if (this.#busy >= THREADS) {
      if (this.#waiting.length >= MAX_WAITING) throw unavailable('too many documents are waiting');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#busy += 1;
  }

  async #inThread(bytes: Buffer, boundary: string | null, signal: AbortSignal): Promise<ContentResult> {
    if (this.#closed) throw unavailable('the cleaner is closed');
    if (signal.aborted) throw aborted();
    const { url, options } = workerOptions(import.meta.url, './clean-worker');
    const worker = new Worker(url, options);
    this.#workers.add(worker);
    let onAbort: () => void = () => {};
    try {
      const result = await new Promise<ContentResult>((resolve, reject) => {
        onAbort = () => reject(aborted());
        signal.addEventListener('abort', onAbort, { once: true });
        worker.once('message', resolve);
        worker.once('error', (error) => reject(unavailable(`the thread failed: ${String(error)}`)));
        worker.once('exit', (code) => reject(unavailable(`the thread exited with ${code}`)));
        const copy = new Uint8Array(bytes);
        const job: CleanJob = { bytes: copy, boundary, options: this.#options };
        worker.postMessage(job, [copy.buffer]);
      });
      if (result.content === null) return result;
      const { buffer, byteOffset, byteLength } = result.content; // a Uint8Array since it came from a thread
      return { ...result, content: Buffer.from(buffer, byteOffset, byteLength) };
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#workers.delete(worker);
      await worker.terminate();
    }
  }
}

function unavailable(message: string): PluginError {
  return new PluginError('ERR_SCAN_UNAVAILABLE', `cdr: ${message}`);
}

function aborted(): PluginError {
  return new PluginError('ERR_ABORTED', 'cleaning was aborted');
}
