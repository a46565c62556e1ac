// Entry of the scanning thread: its first message is what to look for, each further one a job. Jobs take
// turns. Errors are sent as plain data; scan-thread.ts makes them errors again.

import { parentPort } from 'node:worker_threads';
import { fileSource, memorySource } from 'weir/detect';
import { FingerprintIndex, type ProtectedDocument } from './fingerprints.ts';
import { scanMessage, type ScanResult, type ScanRules, type ScanSubject } from './scan.ts';

/** The first message. */
export interface WorkerRules extends Omit<ScanRules, 'fingerprints'> {
  readonly documents: readonly ProtectedDocument[];
}

export type WorkerRequest =
  | {
      readonly id: number;
      readonly subject: ScanSubject;
      /** Moved, not shared; null where the body is in `file`. */
      readonly bytes: Uint8Array | null;
      readonly file: string | null;
    }
  | { readonly cancel: number };

export type WorkerReply =
  | { readonly id: number; readonly result: ScanResult }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };

let rules: ScanRules | null = null;
const running = new Map<number, AbortController>();

parentPort!.on('message', (message: WorkerRules | WorkerRequest) => {
  if ('documents' in message) {
    const { documents, ...rest } = message;
    rules = { ...rest, fingerprints: new FingerprintIndex(documents) };
  } else if ('cancel' in message) running.get(message.cancel)?.abort();
  else void run(message);
});

async function run({ id, subject, bytes, file }: Extract<WorkerRequest, { id: number }>): Promise<void> {
  const cancellation = new AbortController();
  running.set(id, cancellation);
  try {
    const source =
      bytes === null
        ? await fileSource(file!)
        : memorySource(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    try {
      reply({ id, result: await scanMessage(subject, source, rules!, cancellation.signal) });
    } finally {
      await source.close();
    }
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const known = typeof code === 'string' ? code : 'ERR_PLUGIN_FAILED';
    reply({ id, error: { code: known, message: String(message ?? error) } });
  } finally {
    running.delete(id);
  }
}

function reply(message: WorkerReply): void {
  parentPort!.postMessage(message);
}
