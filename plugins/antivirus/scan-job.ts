// One scan from end to end, as a worker does it: open the body, walk through it, scan each content.

import {
  fileSource,
  Ledger,
  memorySource,
  walk,
  type ByteSource,
  type Trouble,
  type UnpackBudget,
} from 'weir/detect';
import type { Hit } from './engine.ts';
import type { WindowScanner } from './window-scanner.ts';

/** What a worker is sent. Either `bytes` (moved, not shared) or the path of a file that outlives the scan. */
export interface ScanJob {
  readonly bytes: Uint8Array | null;
  readonly file: string | null;
  readonly contentEncoding: string | undefined;
  readonly contentType: string | undefined;
  readonly budget: UnpackBudget;
}

export interface ScanResult {
  /** The first thing found, and in which member (`''`: the body itself); the rest was not looked at. */
  readonly hit: (Hit & { readonly path: string }) | null;
  /** What could not be inspected. */
  readonly troubles: readonly Trouble[];
}

/** Bytes of a file that is read at once: pieces would cost a turn of the thread pool each, and some more. */
const READ_AT_ONCE = 4 * 2 ** 20;

/** @throws {WeirError} `ERR_SPOOL` when the body cannot be read, or a container not be set aside */
export async function runScan(job: ScanJob, scanner: WindowScanner): Promise<ScanResult> {
  const source =
    job.bytes === null
      ? await openFile(job.file!)
      : memorySource(Buffer.from(job.bytes.buffer, job.bytes.byteOffset, job.bytes.byteLength));
  const ledger = new Ledger(job.budget);
  try {
    for await (const content of walk(source, ledger, job)) {
      const hit = await scanner.scan(content.chunks);
      if (hit !== null) return { hit: { ...hit, path: content.path }, troubles: ledger.troubles };
    }
    return { hit: null, troubles: ledger.troubles };
  } finally {
    await source.close();
  }
}

async function openFile(file: string): Promise<ByteSource> {
  const source = await fileSource(file);
  if (source.size > READ_AT_ONCE) return source;
  try {
    return memorySource(await source.read(0, source.size));
  } finally {
    await source.close();
  }
}
