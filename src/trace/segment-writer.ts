// Appends batches to segment files of one process: begins a new one when the current is full or old, and
// removes what is beyond the limits then. One call at a time.

import type { FileHandle } from 'node:fs/promises';
import { openSegment, pruneSegments } from './segments.ts';

export interface SegmentLimits {
  /** Absolute path; made with mode 0700 where it is not there. */
  readonly folder: string;
  /** Of all segments together. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

const MAX_SEGMENT = 8 * 1024 * 1024; // bytes
const MIN_SEGMENT = 64 * 1024; // bytes
const SEGMENTS = 8; // that the limits on bytes and age are divided into

interface Segment {
  readonly file: string;
  readonly handle: FileHandle;
  bytes: number;
  readonly since: number;
}

export class SegmentWriter {
  /** Longest batch that may be appended. */
  readonly batchBytes: number;
  readonly #limits: SegmentLimits;
  readonly #segmentBytes: number;
  readonly #janitor: NodeJS.Timeout;
  #segment: Segment | null = null;

  constructor(limits: SegmentLimits) {
    this.#limits = limits;
    this.#segmentBytes = Math.max(MIN_SEGMENT, Math.min(MAX_SEGMENT, Math.floor(limits.maxBytes / SEGMENTS)));
    this.batchBytes = this.#segmentBytes;
    const everyMs = Math.min(600_000, Math.max(1000, limits.maxAgeMs / SEGMENTS));
    this.#janitor = setInterval(() => void this.#prune(), everyMs).unref();
  }

  /**
   * Appends whole lines. Rejects as node does; the segment may end in half a line then, and a new one follows.
   * @returns where they lie
   */
  async append(batch: Buffer): Promise<{ file: string; offset: number }> {
    const segment = await this.#segmentFor(batch.length);
    const offset = segment.bytes;
    try {
      for (let at = 0; at < batch.length;) {
        const { bytesWritten } = await segment.handle.write(batch, at);
        at += bytesWritten;
        segment.bytes += bytesWritten;
      }
    } catch (error) {
      await this.#closeSegment();
      throw error;
    }
    return { file: segment.file, offset };
  }

  async close(): Promise<void> {
    clearInterval(this.#janitor);
    await this.#closeSegment();
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const now = performance.now();
    const current = this.#segment;
    const isOld = current !== null && now - current.since > this.#limits.maxAgeMs / SEGMENTS;
    if (current !== null && !isOld && current.bytes + bytes <= this.#segmentBytes) return current;
    await this.#closeSegment();
    await this.#prune();
    this.#segment = { ...(await openSegment(this.#limits.folder)), bytes: 0, since: now };
    return this.#segment;
  }

  async #closeSegment(): Promise<void> {
    const segment = this.#segment;
    this.#segment = null;
    await segment?.handle.close().catch(() => {});
  }

  /** Leaves room for one segment that is being written. */
  async #prune(): Promise<void> {
    const { folder, maxBytes, maxAgeMs } = this.#limits;
    const room = Math.max(0, maxBytes - this.#segmentBytes);
    await pruneSegments(folder, room, maxAgeMs, this.#segment?.file ?? null).catch(() => {});
  }
}
