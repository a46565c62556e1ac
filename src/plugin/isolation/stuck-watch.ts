// Notices threads whose event loop does not turn while they have calls, and those that take memory meanwhile,
// which they cannot say themselves. What is done about it is thread-pool.ts.

import type { IsolatedThread } from './isolated-thread.ts';

const LOOK_MS = 50;
const STUCK_MS = 250; // several beats of a thread, and far above a pause for garbage

export interface StuckEvents {
  onStuck(thread: IsolatedThread): void;
  onFree(thread: IsolatedThread): void;
}

export class StuckWatch {
  readonly #memoryBytes: number;
  readonly #events: StuckEvents;
  /** With the memory of the process when each was found stuck; null: it turns. */
  readonly #threads = new Map<IsolatedThread, number | null>();
  #timer: NodeJS.Timeout | null = null;

  constructor(memoryBytes: number, events: StuckEvents) {
    this.#memoryBytes = memoryBytes;
    this.#events = events;
  }

  /** Watches it as long as it has calls. */
  add(thread: IsolatedThread): void {
    if (!this.#threads.has(thread)) this.#threads.set(thread, null);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  delete(thread: IsolatedThread): void {
    this.#threads.delete(thread);
    if (this.#threads.size === 0) this.stop();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    const now = performance.now();
    for (const [thread, rssBytes] of [...this.#threads]) {
      const isSilent = thread.silence(now) > STUCK_MS;
      if (rssBytes !== null) this.#lookAgain(thread, isSilent, rssBytes);
      else if (thread.running.size === 0) this.delete(thread);
      else if (isSilent) {
        this.#threads.set(thread, process.memoryUsage.rss());
        thread.isStuck = true;
        this.#events.onStuck(thread);
      }
    }
  }

  #lookAgain(thread: IsolatedThread, isSilent: boolean, rssBytes: number): void {
    if (!isSilent) {
      this.#threads.set(thread, null);
      thread.isStuck = false;
      return this.#events.onFree(thread);
    }
    // Buffers are not bounded by the limit of the heap, and a thread that is stuck does not count its own.
    const grown = process.memoryUsage.rss() - rssBytes;
    if (grown > 2 * this.#memoryBytes) thread.lose('memory', 'takes more memory than it has');
  }
}
