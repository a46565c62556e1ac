// Keeps traces of finished transactions in segment files. A transaction only hands over references; they
// become lines in batches, within a budget of time. Under overload traces are left out and counted, those of
// uneventful transactions first. A disk that fails costs traces and one warning, never traffic.

import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import type { ProxyRecord, Telemetry } from '../telemetry/records.ts';
import type { TraceSink, TransactionNotes } from './notes.ts';
import { RecentIds } from './recent-ids.ts';
import type { FinishedTransaction } from './record.ts';
import { traceRecord } from './record.ts';
import { openSegment, pruneSegments } from './segments.ts';
import type { TraceRecord } from './types.ts';

export interface TraceStoreOptions {
  /** Absolute path; made with mode 0700 where it is not there. */
  readonly folder: string;
  /** Of all segments together. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Bytes of each preview that are kept. */
  readonly bodies: number;
  readonly telemetry: Pick<Telemetry, 'event'>;
}

const TICK_MS = 100;
const TICK_BUDGET_MS = 3; // of work on the event loop: 3 % at most
const MAX_WAITING = 1024; // traces of each kind that wait for their line
const MAX_LINE = 128 * 1024; // bytes; heads are left out of a longer one
const MAX_IDS = 8192;
const MAX_SEGMENT = 8 * 1024 * 1024; // bytes
const MIN_SEGMENT = 64 * 1024; // bytes
const SEGMENTS = 8; // that the limits on bytes and age are divided into
const RETRY_MS = 10_000; // after the disk has failed

interface Line {
  readonly trace: TraceRecord;
  readonly bytes: Buffer;
}

export class TraceStore implements TraceSink {
  readonly bodies: number;
  readonly #options: TraceStoreOptions;
  readonly #segmentBytes: number;
  readonly #ids = new RecentIds(MAX_IDS);
  readonly #janitor: NodeJS.Timeout;
  #uneventful: FinishedTransaction[] = [];
  #eventful: FinishedTransaction[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #segment: { file: string; handle: FileHandle; bytes: number; since: number } | null = null;
  #dropped = 0;
  #droppedTold = 0;
  #retryAt = 0;
  #warned = false;
  #closed = false;

  constructor(options: TraceStoreOptions) {
    this.#options = options;
    this.bodies = options.bodies;
    this.#segmentBytes = Math.max(
      MIN_SEGMENT,
      Math.min(MAX_SEGMENT, Math.floor(options.maxBytes / SEGMENTS)),
    );
    const everyMs = Math.min(600_000, Math.max(1000, options.maxAgeMs / SEGMENTS));
    this.#janitor = setInterval(() => void this.#prune(), everyMs).unref();
  }

  /** Traces that were left out, under load or because the disk failed. */
  get dropped(): number {
    return this.#dropped;
  }

  add(record: ProxyRecord, notes: TransactionNotes | null): void {
    const queue = record.verdict === 'allowed' ? this.#uneventful : this.#eventful;
    if (this.#closed || queue.length >= MAX_WAITING || this.#isBroken()) {
      this.#dropped++;
      return;
    }
    queue.push({ record, notes, endedAtMs: Date.now(), endedAt: performance.now() });
    this.#timer ??= setTimeout(() => this.#tick(), TICK_MS).unref();
  }

  /** Resolves when all that was added is written, or lost. */
  async flush(): Promise<void> {
    while (this.#writing !== null || this.#waiting > 0) {
      await this.#writing;
      if (this.#writing === null && this.#waiting > 0) this.#tick();
    }
  }

  /** Writes what is left; nothing is taken any more. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#janitor);
    await this.flush();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#closeSegment();
  }

  /**
   * A trace that this store has written lately, by transaction id or by the id on a page.
   * @returns null where it is not known, or its file is gone
   */
  async find(id: string): Promise<TraceRecord | null> {
    await this.flush();
    const place = this.#ids.get(id);
    if (place === null) return null;
    try {
      await using handle = await open(place.file, 'r');
      const bytes = Buffer.alloc(place.length);
      await handle.read(bytes, 0, place.length, place.offset);
      return JSON.parse(bytes.toString()) as TraceRecord;
    } catch {
      return null;
    }
  }

  get #waiting(): number {
    return this.#eventful.length + this.#uneventful.length;
  }

  /** One batch: as many lines as the budget allows, then one write. The rest waits for the next tick. */
  #tick(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#writing !== null) return;
    const lines = this.#nextLines();
    this.#writing = this.#write(lines)
      .catch((error: unknown) => this.#failed(error, lines.length))
      .finally(() => {
        this.#writing = null;
        if (this.#waiting > 0) this.#timer ??= setTimeout(() => this.#tick(), TICK_MS).unref();
      });
  }

  #nextLines(): Line[] {
    const lines: Line[] = [];
    const until = performance.now() + TICK_BUDGET_MS;
    let bytes = 0;
    for (const queue of [this.#eventful, this.#uneventful]) {
      let taken = 0;
      while (taken < queue.length && bytes < this.#segmentBytes / 2 && performance.now() < until) {
        const line = lineOf(queue[taken++]!);
        bytes += line.bytes.length;
        lines.push(line);
      }
      queue.splice(0, taken);
    }
    return lines;
  }

  async #write(lines: readonly Line[]): Promise<void> {
    const parts = lines.map((line) => line.bytes);
    const dropped = this.#dropped - this.#droppedTold;
    if (dropped > 0) parts.push(Buffer.from(`${JSON.stringify({ v: 1, dropped, time: new Date() })}\n`));
    const batch = Buffer.concat(parts);
    const segment = await this.#segmentFor(batch.length);
    let offset = segment.bytes;
    for (let at = 0; at < batch.length;) {
      const { bytesWritten } = await segment.handle.write(batch, at);
      at += bytesWritten;
      segment.bytes += bytesWritten;
    }
    this.#droppedTold += dropped;
    for (const { trace, bytes } of lines) {
      const place = { file: segment.file, offset, length: bytes.length };
      this.#ids.set(trace.id, place);
      if (trace.incident !== null) this.#ids.set(trace.incident, place);
      offset += bytes.length;
    }
  }

  async #segmentFor(bytes: number): Promise<{ file: string; handle: FileHandle; bytes: number }> {
    const now = performance.now();
    const current = this.#segment;
    const isOld = current !== null && now - current.since > this.#options.maxAgeMs / SEGMENTS;
    if (current !== null && !isOld && current.bytes + bytes <= this.#segmentBytes) return current;
    await this.#closeSegment();
    await this.#prune();
    this.#segment = { ...(await openSegment(this.#options.folder)), bytes: 0, since: now };
    return this.#segment;
  }

  async #closeSegment(): Promise<void> {
    const segment = this.#segment;
    this.#segment = null;
    await segment?.handle.close().catch(() => {});
  }

  /** Leaves room for one segment that is being written. */
  async #prune(): Promise<void> {
    const { folder, maxBytes, maxAgeMs } = this.#options;
    const room = Math.max(0, maxBytes - this.#segmentBytes);
    await pruneSegments(folder, room, maxAgeMs, this.#segment?.file ?? null).catch(() => {});
  }

  #isBroken(): boolean {
    return this.#retryAt > 0 && performance.now() < this.#retryAt;
  }

  async #failed(error: unknown, lines: number): Promise<void> {
    this.#dropped += lines + this.#waiting;
    this.#eventful = [];
    this.#uneventful = [];
    this.#retryAt = performance.now() + RETRY_MS;
    await this.#closeSegment(); // it may end in half a line
    if (this.#warned) return;
    this.#warned = true;
    const { folder } = this.#options;
    const text = `traces cannot be kept in ${folder}: ${messageOf(error)}; traffic goes on without them`;
    this.#options.telemetry.event('warn', text, { code: 'ERR_TRACE_STORE', folder });
  }
}

function lineOf(finished: FinishedTransaction): Line {
  const trace = traceRecord(finished);
  const bytes = Buffer.from(`${JSON.stringify(trace)}\n`);
  if (bytes.length <= MAX_LINE) return { trace, bytes };
  const short: TraceRecord = {
    ...trace,
    request: { ...trace.request, headers: [] },
    reqmod: trace.reqmod.slice(0, 1).map(withoutAttempts),
    respmod: trace.respmod.slice(0, 1).map(withoutAttempts),
    answer: { ...trace.answer, headers: [] },
  };
  return { trace: short, bytes: Buffer.from(`${JSON.stringify(short)}\n`) };
}

function withoutAttempts(step: TraceRecord['reqmod'][number]): TraceRecord['reqmod'][number] {
  return { ...step, services: step.services.slice(-1).map((service) => ({ ...service, attempts: [] })) };
}
