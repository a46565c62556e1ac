// Received bytes between the socket and whoever reads them: waiting with a limit, lines, pieces. Knows
// nothing of ICAP; what a line means is response-reader.ts.

import { IcapError, type WeirError } from '../../errors.ts';

const HIGH_WATER = 1024 * 1024; // bytes received and not yet read, above which the socket is paused
const LF = 0x0a;
const CR = 0x0d;

export interface WireLine {
  /** latin-1, without its line end. */
  readonly text: string;
  /** The line with its line end, as received. */
  readonly bytes: Buffer;
  readonly end: 'crlf' | 'lf' | 'none';
}

export class WireInput {
  /** What is being read, for messages: `the answer`, `a chunk`. */
  awaiting = 'the answer';
  /** On the clock of `performance.now()`; silence is counted from here. */
  lastActivityAt = performance.now();
  readonly #idleMs: number;
  readonly #setPaused: (paused: boolean) => void;
  #queue: Buffer[] = [];
  #queued = 0;
  #bytes: Buffer = Buffer.alloc(0); // taken from the queue, not consumed
  #error: WeirError | null = null;
  #ended = false;
  #wake: (() => void) | null = null;

  /** @param idleMs  how long `more` waits without anything happening */
  constructor(idleMs: number, setPaused: (paused: boolean) => void) {
    this.#idleMs = idleMs;
    this.#setPaused = setPaused;
  }

  /** Bytes at hand. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Bytes received that nobody has consumed. */
  get unread(): number {
    return this.#bytes.length + this.#queued;
  }

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued >= HIGH_WATER) this.#setPaused(true);
    this.touch();
    this.#wake?.();
  }

  /** The peer has ended its side; or, with an error, the connection is gone. */
  end(error: WeirError | null): void {
    this.#ended = true;
    this.#error ??= error;
    this.#wake?.();
  }

  /** Something happened on the connection: silence begins anew. */
  touch(): void {
    this.lastActivityAt = performance.now();
  }

  consume(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  /**
   * Waits until `bytes` has grown.
   *
   * @param giveUpAt  moment on the clock of `performance.now()`; default: after `idleMs` of silence
   * @returns false when the peer has ended and nothing is left
   * @throws {IcapError} `ERR_PROBE_TIMEOUT`; `ERR_PROBE_CLOSED` when the connection was reset
   */
  async more(giveUpAt?: number): Promise<boolean> {
    while (this.#queued === 0) {
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return false;
      await this.#wait(giveUpAt);
    }
    this.#bytes = this.#bytes.length === 0 && this.#queue.length === 1 ? this.#queue[0]! : this.#joined();
    this.#queue = [];
    this.#queued = 0;
    this.#setPaused(false);
    return true;
  }

  /**
   * Takes the next line; at the end of the connection what is left counts as a line without end.
   *
   * @returns null when nothing is left
   * @throws {IcapError} `ERR_PROBE_TOO_LARGE` past `limit` bytes, and what `more` throws
   */
  async line(limit: number): Promise<WireLine | null> {
    let scanned = 0;
    for (;;) {
      const at = this.#bytes.indexOf(LF, scanned);
      if ((at < 0 ? this.#bytes.length : at) > limit) {
        const text = `${this.awaiting} has a line of more than ${limit} bytes`;
        throw new IcapError('ERR_PROBE_TOO_LARGE', text, { limit });
      }
      if (at >= 0) return lineOf(this.consume(at + 1));
      scanned = this.#bytes.length;
      if (await this.more()) continue;
      const rest = this.consume(scanned);
      return rest.length === 0 ? null : { text: rest.toString('latin1'), bytes: rest, end: 'none' };
    }
  }

  #joined(): Buffer {
    return Buffer.concat([this.#bytes, ...this.#queue]);
  }

  #wait(giveUpAt?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        const left = (giveUpAt ?? this.lastActivityAt + this.#idleMs) - performance.now();
        if (left > 0) timer = setTimeout(arm, Math.ceil(left));
        else {
          this.#wake = null;
          reject(this.#silence());
        }
      };
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      arm();
    });
  }

  #silence(): WeirError {
    const got = this.#bytes.length === 0 ? '' : ` (${this.#bytes.length} bytes of it have come)`;
    return new IcapError(
      'ERR_PROBE_TIMEOUT',
      `the server fell silent before ${this.awaiting} was complete${got}`,
    );
  }
}

function lineOf(bytes: Buffer): WireLine {
  const crlf = bytes.at(-2) === CR;
  return {
    text: bytes.toString('latin1', 0, bytes.length - (crlf ? 2 : 1)),
    bytes,
    end: crlf ? 'crlf' : 'lf',
  };
}
