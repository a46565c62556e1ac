// What went over a connection, byte for byte and in order, up to a bound in each direction: bytes behind
// it are counted and not kept.

export interface TranscriptEntry {
  readonly direction: 'sent' | 'received';
  /** Milliseconds since the connection was asked for. */
  readonly atMs: number;
  readonly bytes: Buffer;
}

export interface Transcript {
  readonly entries: readonly TranscriptEntry[];
  /** Bytes in each direction that came after the bound and are not among the entries. */
  readonly omitted: { readonly sent: number; readonly received: number };
}

export class TranscriptRecorder implements Transcript {
  readonly entries: TranscriptEntry[] = [];
  readonly omitted = { sent: 0, received: 0 };
  readonly #startedAt = performance.now();
  readonly #room: { sent: number; received: number };

  /** @param maxBytes  kept in each direction */
  constructor(maxBytes: number) {
    this.#room = { sent: maxBytes, received: maxBytes };
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return performance.now() - this.#startedAt;
  }

  record(direction: 'sent' | 'received', bytes: Buffer): void {
    const kept = Math.min(bytes.length, this.#room[direction]);
    this.#room[direction] -= kept;
    this.omitted[direction] += bytes.length - kept;
    if (kept > 0) this.entries.push({ direction, atMs: this.nowMs, bytes: bytes.subarray(0, kept) });
  }
}
