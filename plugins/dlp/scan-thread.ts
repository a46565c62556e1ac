// The thread that bodies are scanned in: started when first needed, one for all, jobs take turns in it. A
// job that does not end when it is told to costs the thread, and the next job starts another.

import { Worker } from 'node:worker_threads';
import { ERRORS, PluginError, workerOptions, type ErrorCode } from 'weir';
import type { ScanResult, ScanSubject } from './scan.ts';
import type { WorkerReply, WorkerRequest, WorkerRules } from './scan-worker.ts';

const CANCEL_PATIENCE_MS = 2000;

interface Job {
  readonly settle: (error: Error | null, result?: ScanResult) => void;
  /** Ends the thread where the job does not end. */
  timer: NodeJS.Timeout | null;
}

export class ScanThread {
  readonly #rules: WorkerRules;
  readonly #maxJobs: number;
  readonly #jobs = new Map<number, Job>();
  #worker: Worker | null = null;
  #lastId = 0;
  #closed = false;

  /** @param maxJobs scans at once; one more is refused */
  constructor(rules: WorkerRules, maxJobs: number) {
    this.#rules = rules;
    this.#maxJobs = maxJobs;
  }

  /**
   * Scans one body.
   *
   * @param body bytes, which are copied, or the path of a file that outlives the scan
   * @throws {PluginError} `ERR_SCAN_UNAVAILABLE` for too many scans or a lost thread, `ERR_ABORTED` by the
   *         signal, codes that the scan names
   */
  scan(subject: ScanSubject, body: Buffer | string, signal: AbortSignal): Promise<ScanResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(unavailable('the scanner is closed'));
      if (signal.aborted) return reject(new PluginError('ERR_ABORTED', 'scan aborted'));
      if (this.#jobs.size >= this.#maxJobs) return reject(unavailable('too many scans are under way'));
      const worker = (this.#worker ??= this.#start());
      const id = (this.#lastId += 1);
      const onAbort = (): void => {
        worker.postMessage({ cancel: id } satisfies WorkerRequest);
        job.timer = setTimeout(() => void worker.terminate(), CANCEL_PATIENCE_MS);
        reject(new PluginError('ERR_ABORTED', 'scan aborted'));
      };
      const job: Job = {
        settle: (error, result) => {
          clearTimeout(job.timer ?? undefined);
          signal.removeEventListener('abort', onAbort);
          this.#jobs.delete(id);
          if (this.#jobs.size === 0) worker.unref();
          if (error === null) resolve(result!);
          else reject(error);
        },
        timer: null,
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#jobs.set(id, job);
      worker.ref();
      const bytes = typeof body === 'string' ? null : new Uint8Array(body);
      const request: WorkerRequest = { id, subject, bytes, file: typeof body === 'string' ? body : null };
      worker.postMessage(request, bytes === null ? [] : [bytes.buffer]);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const { url, options } = workerOptions(import.meta.url, './scan-worker');
    const worker = new Worker(url, options);
    worker.on('message', (reply: WorkerReply) => {
      const job = this.#jobs.get(reply.id);
      if ('result' in reply) job?.settle(null, reply.result);
      else job?.settle(revive(reply.error));
    });
    const lost = (why: string): void => {
      if (this.#worker === worker) this.#worker = null;
      for (const job of [...this.#jobs.values()]) job.settle(unavailable(why));
    };
    worker.on('error', (error) => lost(`the scanning thread failed: ${String(error)}`));
    worker.on('exit', (code) => lost(`the scanning thread exited with ${code}`));
    worker.postMessage(this.#rules);
    return worker;
  }
}

function revive({ code, message }: { readonly code: string; readonly message: string }): PluginError {
  return new PluginError(Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'ERR_PLUGIN_FAILED', message);
}

function unavailable(message: string): PluginError {
  return new PluginError('ERR_SCAN_UNAVAILABLE', message);
}
