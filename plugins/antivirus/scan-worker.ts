// Entry of a scanning thread or process: compiles the rules that its first message brings, then runs one
// job after the other. Errors are sent as plain data; the pool makes them errors again.

import { parentPort } from 'node:worker_threads';
import { RuleEngine, type RuleFile } from './engine.ts';
import { runScan, type ScanJob, type ScanResult } from './scan-job.ts';
import { WindowScanner } from './window-scanner.ts';

/** The first message. */
export interface ScanSetup {
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

let scanner: WindowScanner | null = null;

if (parentPort !== null) {
  parentPort.on('message', receive);
} else {
  process.on('message', receive);
  process.on('disconnect', () => process.exit());
}

function receive(message: unknown): void {
  if (scanner === null) prepare(message as ScanSetup);
  else run(message as ScanJob, scanner);
}

function prepare({ rules, windowBytes }: ScanSetup): void {
  try {
    scanner = new WindowScanner(RuleEngine.compile(rules), windowBytes);
    reply({ kind: 'ready' });
  } catch (error) {
    reply({ kind: 'unusable', error: failure(error) });
  }
}

function run(job: ScanJob, engine: WindowScanner): void {
  runScan(job, engine).then(
    (result) => reply({ kind: 'done', result }),
    (error: unknown) => reply({ kind: 'failed', error: failure(error) }),
  );
}

function reply(message: WorkerReply<ScanResult>): void {
  if (parentPort !== null) parentPort.postMessage(message);
  else process.send!(message, undefined, {}, () => {}); // when nobody is left, `disconnect` ends us
}

function failure(error: unknown): WorkerFailure {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return { code: typeof code === 'string' ? code : 'ERR_PLUGIN_FAILED', message: String(message ?? error) };
}
