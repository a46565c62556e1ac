// The latest transactions with their bodies and ICAP bytes, for the dashboard: as many as fit. Nothing of it is
// written but what bodies spool, and it goes with the process.

import type { SpoolOptions } from '../http/spool.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import type { CaptureSink, TransactionCapture } from './capture.ts';

export interface CaptureMemoryOptions {
  /** Bytes of each body that are kept. */
  readonly bodyBytes: number;
  /** Bytes of each direction of each ICAP exchange that are kept. */
  readonly wireBytes: number;
  /** Bytes of all that is kept. */
  readonly totalBytes: number;
  readonly spool: SpoolOptions;
}

interface Kept {
  readonly capture: TransactionCapture;
  readonly record: ProxyRecord;
  readonly bytes: number;
}

const HEADS = 8 * 1024; // bytes that a transaction takes besides, roughly
const MAX_COUNT = 10_000;

export class CaptureMemory implements CaptureSink {
  readonly bodyBytes: number;
  readonly wireBytes: number;
  readonly spool: SpoolOptions;
  readonly #totalBytes: number;
  readonly #kept = new Map<string, Kept>(); // oldest first
  #bytes = 0;

  constructor({ bodyBytes, wireBytes, totalBytes, spool }: CaptureMemoryOptions) {
    this.bodyBytes = bodyBytes;
    this.wireBytes = wireBytes;
    this.spool = spool;
    this.#totalBytes = totalBytes;
  }

  /** Transactions that are here. */
  get size(): number {
    return this.#kept.size;
  }

  take(capture: TransactionCapture, record: ProxyRecord): void {
    const bytes = sizeOf(capture);
    this.#kept.set(record.id, { capture, record, bytes });
    this.#bytes += bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= this.#totalBytes && this.#kept.size <= MAX_COUNT) break;
      this.#drop(oldest, kept);
    }
  }

  /** By the id of its record; null where it is not here any more, or never was. */
  get(id: string): TransactionCapture | null {
    return this.#kept.get(id)?.capture ?? null;
  }

  /** The same with its record. */
  whole(id: string): { readonly capture: TransactionCapture; readonly record: ProxyRecord } | null {
    return this.#kept.get(id) ?? null;
  }

  /** Frees everything. */
  clear(): void {
    for (const [id, kept] of this.#kept) this.#drop(id, kept);
  }

  #drop(id: string, { capture, bytes }: Kept): void {
    this.#kept.delete(id);
    this.#bytes -= bytes;
    capture.dispose();
  }
}

function sizeOf({ requestBody, responseBody, wire }: TransactionCapture): number {
  let bytes = HEADS + (requestBody?.size ?? 0) + (responseBody?.size ?? 0);
  for (const { sent, received } of wire?.exchanges ?? []) bytes += sent.kept + received.kept;
  return bytes;
}
