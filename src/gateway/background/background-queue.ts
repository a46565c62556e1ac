// Blades that judge after the message has passed: a bounded queue of copies, worked off a few at a time.
// The same content waits once, with everybody who has got it meanwhile. What a verdict leads to, and where
// it is remembered, whoever has queued it decides. G-18.

import type { Recipient } from '../../telemetry/incidents.ts';

export interface BackgroundLimits {
  /** Jobs that wait. */
  readonly queue: number;
  /** Bytes of all contents that wait or are being judged. */
  readonly bytes: number;
  /** Jobs at a time. */
  readonly atOnce: number;
}

/** One content that waits for its verdict. */
export interface BackgroundJob {
  /** The same for the same content under the same rules. */
  readonly key: string;
  readonly bytes: number;
  /** Judges; `recipients` grows until it settles. Never rejects. */
  run(recipients: Recipients, signal: AbortSignal): Promise<void>;
  /** It will not be run, or has been: frees what it keeps. */
  release(): void;
}

/** Who has got a content; the first 100 by name. */
export interface Recipients {
  readonly list: Recipient[];
  more: number;
}

const MAX_RECIPIENTS = 100;

export class BackgroundQueue {
  #limits: BackgroundLimits;
  readonly #waiting: BackgroundJob[] = [];
  readonly #recipients = new Map<string, Recipients>(); // of jobs that wait or run
  readonly #stop = new AbortController();
  #running = 0;
  #bytes = 0;
  #idle: (() => void)[] = [];

  constructor(limits: BackgroundLimits) {
    this.#limits = limits;
  }

  set limits(limits: BackgroundLimits) {
    this.#limits = limits;
  }

  /** Jobs that wait or run, and the bytes that they keep. */
  get load(): { readonly waiting: number; readonly running: number; readonly bytes: number } {
    return { waiting: this.#waiting.length, running: this.#running, bytes: this.#bytes };
  }

  /** Notes one more recipient where that content waits for its verdict already. */
  join(key: string, recipient: Recipient): boolean {
    const recipients = this.#recipients.get(key);
    if (recipients === undefined) return false;
    if (recipients.list.length < MAX_RECIPIENTS) recipients.list.push(recipient);
    else recipients.more++;
    return true;
  }

  /** True where a job of so many bytes finds room. */
  hasRoom(bytes: number): boolean {
    const { queue, bytes: most } = this.#limits;
    return !this.#stop.signal.aborted && this.#waiting.length < queue && this.#bytes + bytes <= most;
  }

  /** Takes a job; `hasRoom` has been asked. */
  add(job: BackgroundJob, recipient: Recipient): void {
    this.#recipients.set(job.key, { list: [recipient], more: 0 });
    this.#bytes += job.bytes;
    this.#waiting.push(job);
    this.#next();
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (this.#running === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /**
   * Takes nothing more, drops what waits, and lets what runs go on for up to `graceMs`.
   * @returns jobs that were dropped
   */
  async close(graceMs: number): Promise<number> {
    const dropped = this.#waiting.splice(0);
    for (const job of dropped) this.#done(job);
    const giveUp = setTimeout(() => this.#stop.abort(), graceMs);
    await this.idle();
    clearTimeout(giveUp);
    this.#stop.abort();
    return dropped.length;
  }

  #next(): void {
    while (this.#running < this.#limits.atOnce) {
      const job = this.#waiting.shift();
      if (job === undefined) break;
      this.#running++;
      void job
        .run(this.#recipients.get(job.key)!, this.#stop.signal)
        .catch(() => {})
        .finally(() => {
          this.#running--;
          this.#done(job);
          this.#next();
        });
    }
    if (this.#running > 0 || this.#waiting.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #done(job: BackgroundJob): void {
    this.#bytes -= job.bytes;
    this.#recipients.delete(job.key);
    job.release();
  }
}
