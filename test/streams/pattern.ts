// A body of any length out of one buffer: incompressible, and every byte of it is known by its offset,
// so that a receiver can tell loss, repetition and order without keeping anything.

import { createCipheriv } from 'node:crypto';
import type { Writable } from 'node:stream';

const PERIOD = 1024 * 1024 - 7; // bytes; odd, so that no buffer size hides a shift

/** The first period, twice, so that any stretch of up to one period is one slice. */
const BYTES = (() => {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16, 2));
  const once = cipher.update(Buffer.alloc(PERIOD));
  return Buffer.concat([once, once]);
})();

/** Bytes `offset` to before `offset + length` of the endless pattern; `length` up to 1 MiB - 7. */
export function patternAt(offset: number, length: number): Buffer {
  const start = offset % PERIOD;
  return BYTES.subarray(start, start + length);
}

/** Compares a stream with the pattern as it comes. */
export class PatternCheck {
  bytes = 0;
  /** Offset of the first chunk that differed, or null. */
  differsAt: number | null = null;

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += PERIOD) {
      const part = chunk.subarray(at, at + PERIOD);
      if (!part.equals(patternAt(this.bytes, part.length))) this.differsAt ??= this.bytes;
      this.bytes += part.length;
    }
  }
}

/** What a sender has handed over, and what of that its socket took. */
export interface PatternSource {
  /** Bytes written so far. */
  sent: number;
}

/** Writes `size` bytes of the pattern in step with the stream, then ends it unless `open`. */
export function sendPattern(
  target: Writable,
  size: number,
  options: { readonly step?: number; readonly open?: boolean } = {},
): PatternSource {
  const { step = 256 * 1024, open = false } = options;
  const source: PatternSource = { sent: 0 };
  const more = (): void => {
    while (source.sent < size && !target.destroyed) {
      const part = patternAt(source.sent, Math.min(step, size - source.sent));
      source.sent += part.length;
      if (!target.write(part)) return;
    }
    if (source.sent < size) return;
    target.off('drain', more);
    if (!open) target.end();
  };
  target.on('drain', more);
  more();
  return source;
}
