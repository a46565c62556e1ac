// Keeps traces of finished transactions. A transaction only hands over references; they become lines when
// the event loop is through with what it was at, and are written in batches. The work has a budget: beyond
// it traces are left out and counted, those of uneventful transactions first. A disk that fails costs traces
// and one warning, never traffic.

import { open } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import type { ProxyRecord, Telemetry } from '../telemetry/records.ts';
import type { TraceSink, TransactionNotes } from './notes.ts';
import { isEventful } from './notes.ts';
import { RecentIds } from './recent-ids.ts';
import type { FinishedTransaction } from './record.ts';
import { traceRecord } from './record.ts';
import type { SegmentLimits } from './segment-writer.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { TraceRecord } from './types.ts';

export interface TraceStoreOptions extends SegmentLimits {
  /** Bytes of each preview that are kept. */
  readonly bodies: number;
  readonly telemetry: Pick<Telemetry, 'event'>;
}

const BUDGET = 0.005; // of the time of the event loop; writing and collecting garbage come on top
const MAX_CREDIT_MS = 30; // that a quiet second saves up for a burst
const SLICE_MS = 3; // of work at a time
const WRITE_EVERY_MS = 100;
const MAX_WAITING = 1024; // traces of each kind that are no lines yet
const MAX_LINES_BYTES = 4 * 1024 * 1024; // not written yet
const MAX_LINE = 128 * 1024; // bytes; heads are left out of a longer one
const MAX_IDS = 8192;
const RETRY_MS = 10_000; // after the disk has failed

interface Line {
  readonly id: string;
  readonly incident: string | null;
  readonly bytes: Buffer;
}

export class TraceStore implements TraceSink {
  readonly bodies: number;
  readonly #options: TraceStoreOptions;
  readonly #writer: SegmentWriter;
  readonly #ids = new RecentIds(MAX_IDS);
  #uneventful: FinishedTransaction[] = [];
  #eventful: FinishedTransaction[] = [];
  #lines: Line[] = [];
  #linesBytes = 0;
  #creditMs = MAX_CREDIT_MS;
  #creditAt = performance.now();
  #immediate: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #flushes = 0; // under way
  #added = 0;
  #settled = 0; // of the added ones: written or lost
  #dropped = 0;
  #droppedTold = 0;
  #retryAt = 0;
  #warned = false;
  #closed = false;

  constructor(options: TraceStoreOptions) {
    this.#options = options;
    this.bodies = options.bodies;
    this.#writer = new SegmentWriter(options);
  }

  /** Traces that were left out, under load or because the disk failed. */
  get dropped(): number {
    return this.#dropped;
  }

  get hasRoom(): boolean {
    return this.#creditNow(performance.now()) > 0 && this.#uneventful.length < MAX_WAITING;
  }

  add(record: ProxyRecord, notes: TransactionNotes | null): void {
    const endedAt = performance.now();
    const eventful = isEventful(record.verdict);
    const queue = eventful ? this.#eventful : this.#uneventful;
    const isRefused = this.#closed || endedAt < this.#retryAt || queue.length >= MAX_WAITING;
    if (isRefused || (!eventful && this.#creditNow(endedAt) <= 0)) return this.leaveOut();
    this.#added++;
    queue.push({ record, notes, endedAtMs: Date.now(), endedAt });
    this.#immediate ??= setImmediate(() => this.#makeLines());
  }

  leaveOut(): void {
    this.#dropped++;
  }

  /** Resolves when as many as were added so far are written, or lost; takes no heed of the budget. */
  async flush(): Promise<void> {
    const target = this.#added;
    this.#flushes++;
    while (
      this.#settled < target &&
      (this.#waiting > 0 || this.#lines.length > 0 || this.#writing !== null)
    ) {
      this.#makeLines();
      this.#write();
      await this.#writing;
    }
    this.#flushes--;
  }

  /** Writes what is left; nothing is taken any more. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    await this.#writer.close();
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

  #creditNow(now: number): number {
    this.#creditMs = Math.min(MAX_CREDIT_MS, this.#creditMs + (now - this.#creditAt) * BUDGET);
    this.#creditAt = now;
    return this.#creditMs;
  }

  /** Soon after the transactions, so that what they refer to need not be kept for long. */
  #makeLines(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
    const startedAt = performance.now();
    const credit = this.#flushes > 0 ? SLICE_MS : this.#creditNow(startedAt);
    const until = startedAt + Math.min(SLICE_MS, credit);
    let now = startedAt;
    for (const queue of [this.#eventful, this.#uneventful]) {
      let taken = 0;
      while (taken < queue.length && now < until && this.#linesBytes < MAX_LINES_BYTES) {
        const line = lineOf(queue[taken++]!);
        this.#lines.push(line);
        this.#linesBytes += line.bytes.length;
        now = performance.now();
      }
      queue.splice(0, taken);
    }
    this.#creditMs = Math.max(-MAX_CREDIT_MS, this.#creditMs - (now - startedAt));
    this.#planWrite();
    if (this.#waiting === 0) return;
    if (this.#flushes > 0) return; // it goes on when these are written
    if (this.#creditMs > 0 && this.#linesBytes < MAX_LINES_BYTES) {
      this.#immediate = setImmediate(() => this.#makeLines());
      return;
    }
    this.#dropped += this.#uneventful.length;
    this.#settled += this.#uneventful.length;
    this.#uneventful = []; // the others wait for the next write
  }

  #planWrite(): void {
    if (this.#writing !== null) return;
    this.#timer ??= setTimeout(() => {
      if (this.#waiting > 0) this.#makeLines();
      this.#write();
    }, WRITE_EVERY_MS).unref();
  }

  /** One batch; what is left has another. */
  #write(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#writing !== null || this.#lines.length === 0) return;
    const lines = this.#nextBatch();
    this.#writing = this.#append(lines)
      .catch((error: unknown) => this.#failed(error, lines.length))
      .finally(() => {
        this.#writing = null;
        if (this.#lines.length > 0 || this.#waiting > 0) this.#planWrite();
      });
  }

  #nextBatch(): Line[] {
    let bytes = 0;
    let count = 0;
    for (const line of this.#lines) {
      if (count > 0 && bytes + line.bytes.length > this.#writer.batchBytes / 2) break;
      bytes += line.bytes.length;
      count++;
    }
    this.#linesBytes -= bytes;
    return this.#lines.splice(0, count);
  }

  async #append(lines: readonly Line[]): Promise<void> {
    const parts = lines.map((line) => line.bytes);
    const dropped = this.#dropped - this.#droppedTold;
    if (dropped > 0) parts.push(Buffer.from(`${JSON.stringify({ v: 1, dropped, time: new Date() })}\n`));
    const { file, offset } = await this.#writer.append(Buffer.concat(parts));
    this.#droppedTold += dropped;
    this.#settled += lines.length;
    let at = offset;
    for (const { id, incident, bytes } of lines) {
      const place = { file, offset: at, length: bytes.length };
      this.#ids.set(id, place);
      if (incident !== null) this.#ids.set(incident, place);
      at += bytes.length;
    }
  }

  #failed(error: unknown, lines: number): void {
    this.#dropped += lines + this.#lines.length + this.#waiting;
    this.#settled = this.#added;
    this.#eventful = [];
    this.#uneventful = [];
    this.#lines = [];
    this.#linesBytes = 0;
    this.#retryAt = performance.now() + RETRY_MS;
    if (this.#warned) return;
    this.#warned = true;
    const { folder } = this.#options;
    const text = `traces cannot be kept in ${folder}: ${messageOf(error)}; traffic goes on without them`;
    this.#options.telemetry.event('warn', text, { code: 'ERR_TRACE_STORE', folder });
  }
}

function lineOf(finished: FinishedTransaction): Line {
  const trace = traceRecord(finished);
  const { id, incident } = trace;
  const bytes = Buffer.from(`${JSON.stringify(trace)}\n`);
  if (bytes.length <= MAX_LINE) return { id, incident, bytes };
  const short: TraceRecord = {
    ...trace,
    request: { ...trace.request, headers: [] },
    reqmod: trace.reqmod.slice(0, 1).map(withoutAttempts),
    respmod: trace.respmod.slice(0, 1).map(withoutAttempts),
    answer: { ...trace.answer, headers: [] },
  };
  return { id, incident, bytes: Buffer.from(`${JSON.stringify(short)}\n`) };
}

function withoutAttempts(step: TraceRecord['reqmod'][number]): TraceRecord['reqmod'][number] {
  return { ...step, services: step.services.slice(-1).map((service) => ({ ...service, attempts: [] })) };
}
