// Entry of a scanning thread: compiles the rules it is started with, then runs one job after the other.
// Errors are sent as plain data; the pool makes them errors again.

import { parentPort, workerData } from 'node:worker_threads';
import { RuleEngine, type RuleFile } from './engine.ts';
import { runScan, type ScanJob, type ScanResult } from './scan-job.ts';
import { WindowScanner } from './window-scanner.ts';

export interface ScanWorkerData {
  readonly rules: readonly RuleFile[];
  readonly windowBytes: number;
}

export interface WorkerFailure {
  readonly code: string;
  readonly message: string;
}

export type WorkerReply<Result> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unusable'; readonly error: WorkerFailure }
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'failed'; readonly error: WorkerFailure };

const port = parentPort!;
const { rules, windowBytes } = workerData as ScanWorkerData;

try {
  const scanner = new WindowScanner(RuleEngine.compile(rules), windowBytes);
  // Only now, so that jobs wait in the port and the clock of the first one starts with `ready`.
  port.on('message', (job: ScanJob) => {
    runScan(job, scanner).then(
      (result) => reply({ kind: 'done', result }),
      (error: unknown) => reply({ kind: 'failed', error: failure(error) }),
    );
  });
  reply({ kind: 'ready' });
} catch (error) {
  reply({ kind: 'unusable', error: failure(error) });
}

function reply(message: WorkerReply<ScanResult>): void {
  port.postMessage(message);
}

function failure(error: unknown): WorkerFailure {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return { code: typeof code === 'string' ? code : 'ERR_PLUGIN_FAILED', message: String(message ?? error) };
}
