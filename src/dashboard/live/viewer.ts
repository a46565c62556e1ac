// One viewer of the live feed: what waits for the next batch, and what is left out. Nothing is ever queued
// beyond one batch: who reads slowly sees less, and is told how much.

import type { LiveMessage, TransactionSummary, Verdict } from '../api/types.ts';
import type { Matches } from './filter.ts';
import { filterOf, matcherOf } from './filter.ts';

export const MAX_ITEMS = 50; // of a batch: more than anybody reads, and each costs the proxy
const MAX_BUFFERED = 1024 * 1024; // bytes that a viewer has not taken yet

/** What it needs of a WebSocket. Written out, because ws brings no types to those who install Weir. */
export interface LiveSocket {
  readonly readyState: number;
  readonly OPEN: number;
  /** Bytes that were not sent yet. */
  readonly bufferedAmount: number;
  on(event: 'message', listener: (data: Buffer | ArrayBuffer | Buffer[], isBinary: boolean) => void): unknown;
  on(event: 'pong' | 'error' | 'close', listener: () => void): unknown;
  send(text: string): void;
  ping(): void;
  terminate(): void;
}

export class Viewer {
  readonly #socket: LiveSocket;
  /** That are wanted; null: all. They are known before there is a row. */
  #verdicts: ReadonlySet<Verdict> | null = null;
  /** The rest of the filter. */
  #matches: Matches | null = null;
  #isPaused = false;
  #items: TransactionSummary[] = [];
  #skipped = 0;
  #total = 0;
  #lives = true;

  constructor(socket: LiveSocket) {
    this.#socket = socket;
    socket.on('message', (data, isBinary) => this.#hear(isBinary ? null : String(data)));
    socket.on('pong', () => (this.#lives = true));
    socket.on('error', () => socket.terminate());
  }

  /** Whether it wants to be offered one with that verdict; a filter of anything else has to look at each. */
  wants(verdict: Verdict): boolean {
    if (this.#isPaused || !this.#fits(verdict)) return false;
    return this.#matches !== null || this.#items.length < MAX_ITEMS;
  }

  /** One of which there is no row, where `wants` is false. */
  leaveOut(verdict: Verdict): void {
    this.#total++;
    if (!this.#isPaused && this.#fits(verdict)) this.#skipped++;
  }

  /** A transaction is over. @param make  its row; made for those alone who show it */
  offer(verdict: Verdict, make: () => TransactionSummary): void {
    this.#total++;
    if (this.#isPaused || !this.#fits(verdict)) return;
    const isFull = this.#items.length >= MAX_ITEMS;
    if (isFull && this.#matches === null) return void this.#skipped++;
    const summary = make();
    if (this.#matches !== null && !this.#matches(summary)) return;
    if (isFull) this.#skipped++;
    else this.#items.push(summary);
  }

  /** Sends what waits, unless there is nothing or too much is under way. */
  flush(): void {
    if (this.#total === 0 || this.#isBehind) return;
    const items = this.#items;
    const [skipped, total] = [this.#skipped, this.#total];
    this.#items = [];
    this.#skipped = 0;
    this.#total = 0;
    this.#send(JSON.stringify({ type: 'transactions', items, skipped, total } satisfies LiveMessage));
  }

  /** A message of another kind; lost on a viewer that is far behind. */
  send(text: string): void {
    if (!this.#isBehind) this.#send(text);
  }

  /** Asks whether it still is there; ends it where the last question had no answer. */
  check(): void {
    if (!this.#lives) return this.#socket.terminate();
    this.#lives = false;
    this.#socket.ping();
  }

  close(): void {
    this.#socket.terminate();
  }

  #fits(verdict: Verdict): boolean {
    return this.#verdicts === null || this.#verdicts.has(verdict);
  }

  get #isBehind(): boolean {
    return this.#socket.bufferedAmount > MAX_BUFFERED;
  }

  #send(text: string): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(text);
  }

  #hear(text: string | null): void {
    const message = parsed(text);
    if (message?.['type'] !== 'subscribe') {
      const error = 'expected {"type":"subscribe","filter":{…},"paused":false}';
      return this.send(JSON.stringify({ type: 'problem', error } satisfies LiveMessage));
    }
    const { verdict, ...rest } = filterOf(message['filter']);
    this.#verdicts = verdict === undefined ? null : new Set([verdict].flat());
    this.#matches = matcherOf(rest);
    this.#isPaused = message['paused'] === true;
    this.#items = [];
    this.#skipped = 0;
  }
}

function parsed(text: string | null): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
