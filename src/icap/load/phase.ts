// One phase of a load run, warm-up or measurement: begins exchanges on free connections until time, number
// or the caller ends it, and waits for those under way. In a closed loop every connection has one
// outstanding exchange. In an open loop exchanges are due at a fixed rate whatever the server does, and
// latency counts from when one was due: a stall then shows in every exchange that it delayed.

import type { ExchangeFacts, LoadConnection } from './connection.ts';
import type { LoadMessage } from './message.ts';
import { type Ending, type LoadReport, Tally } from './tally.ts';

const SWEEP_MS = 100; // between looks for exchanges that take too long
const SPIN_MS = 2; // timers are too coarse for a start that is due sooner
const FIRST_PAUSE_MS = 10; // after a failure on a connection; doubles with each further one
const MAX_PAUSE_MS = 1000;

export interface PhasePlan {
  /** No exchange begins later than this. */
  readonly durationMs: number;
  /** Exchanges to begin at most; null: no limit. */
  readonly requests: number | null;
  /** Exchanges a second to begin; null: a closed loop. */
  readonly rate: number | null;
  /** An exchange that takes longer fails. */
  readonly timeoutMs: number;
}

export class Phase {
  readonly tally = new Tally();
  readonly #connections: readonly LoadConnection[];
  readonly #message: LoadMessage;
  readonly #plan: PhasePlan;
  readonly #idle: LoadConnection[];
  readonly #failures = new Map<LoadConnection, number>(); // in a row
  readonly #pauses = new Set<NodeJS.Timeout>();
  readonly #onEnd = (facts: ExchangeFacts): void => this.#record(facts);
  #resolve: (report: LoadReport) => void = () => {};
  #unwatch: () => void = () => {};
  #ending: Ending | null = null;
  #unsent: number | null = null;
  #beganAt = 0;
  #lastEndAt = 0;
  #started = 0;
  #busy = 0;
  #cpuAtStart = process.cpuUsage();
  #wake: NodeJS.Timeout | NodeJS.Immediate | null = null;
  #sweeper: NodeJS.Timeout | null = null;
  #limit: NodeJS.Timeout | null = null;

  constructor(connections: readonly LoadConnection[], message: LoadMessage, plan: PhasePlan) {
    this.#connections = connections;
    this.#message = message;
    this.#plan = plan;
    this.#idle = [...connections];
  }

  /** Resolves when all that began has ended. To be called once. */
  run(signal: AbortSignal | null): Promise<LoadReport> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#beganAt = performance.now();
      this.#lastEndAt = this.#beganAt;
      this.#cpuAtStart = process.cpuUsage();
      this.#limit = setTimeout(() => this.#end('duration'), this.#plan.durationMs);
      this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
      const stop = (): void => this.#stop();
      signal?.addEventListener('abort', stop, { once: true });
      this.#unwatch = () => signal?.removeEventListener('abort', stop);
      if (signal?.aborted === true) stop();
      else this.#pump();
    });
  }

  /** Part of the plan that is done, 0 to 1. */
  get progress(): number {
    const { durationMs, requests } = this.#plan;
    const ofTime = (performance.now() - this.#beganAt) / durationMs;
    const ofRequests = requests === null ? 0 : (this.tally.exchanges + this.tally.failed) / requests;
    return this.#beganAt === 0 ? 0 : Math.min(Math.max(ofTime, ofRequests), 1);
  }

  get elapsedSeconds(): number {
    return this.#beganAt === 0 ? 0 : (performance.now() - this.#beganAt) / 1000;
  }

  /** Begins what is due, as far as connections are free. */
  #pump(now = performance.now()): void {
    while (this.#ending === null && this.#idle.length > 0) {
      const dueAt = this.#dueAt(now);
      if (dueAt > now) return this.#wakeAt(dueAt, now);
      const connection = this.#idle.shift()!;
      this.#started++;
      this.#busy++;
      connection.start(this.#message, dueAt, now, this.#onEnd);
      if (this.#started === this.#plan.requests) this.#end('requests');
    }
  }

  /** When the next exchange is meant to begin. */
  #dueAt(now: number): number {
    const { rate } = this.#plan;
    return rate === null ? now : this.#beganAt + (this.#started * 1000) / rate;
  }

  #wakeAt(dueAt: number, now: number): void {
    if (this.#wake !== null) return;
    const wake = (): void => {
      this.#wake = null;
      this.#pump();
    };
    const waitMs = dueAt - now;
    this.#wake = waitMs > SPIN_MS ? setTimeout(wake, Math.floor(waitMs) - 1) : setImmediate(wake);
  }

  #record(facts: ExchangeFacts): void {
    const { connection, failure } = facts;
    const { tally } = this;
    const now = performance.now();
    this.#busy--;
    this.#lastEndAt = now;
    tally.bytesSent += facts.bytesSent;
    tally.bytesReceived += facts.bytesReceived;
    if (facts.status !== null) tally.countStatus(facts.status);
    if (facts.continued) tally.continues++;
    if (facts.changed) tally.changed++;
    if (facts.reopened) tally.reopened++;
    const latencyMs = now - connection.intendedAt;
    if (failure === null) {
      tally.succeed(latencyMs);
      if (this.#failures.size > 0) this.#failures.delete(connection);
      this.#idle.push(connection);
    } else {
      tally.fail(failure, failure.kind === 'timeout' ? latencyMs : null);
      this.#pause(connection);
    }
    if (this.#ending === null) this.#pump(now);
    else if (this.#busy === 0) this.#finish();
  }

  /** A failing server is not hammered: the connection rests, longer each time. */
  #pause(connection: LoadConnection): void {
    const inARow = this.#failures.get(connection) ?? 0;
    this.#failures.set(connection, inARow + 1);
    const pause = setTimeout(
      () => {
        this.#pauses.delete(pause);
        this.#idle.push(connection);
        this.#pump();
      },
      Math.min(FIRST_PAUSE_MS * 2 ** Math.min(inARow, 10), MAX_PAUSE_MS),
    );
    this.#pauses.add(pause);
  }

  #sweep(): void {
    const latest = performance.now() - this.#plan.timeoutMs;
    for (const connection of this.#connections) {
      if (!connection.busy || connection.startedAt > latest) continue;
      connection.fail('timeout', `no complete answer within ${this.#plan.timeoutMs / 1000} s`);
    }
  }

  /** Nothing begins any more. */
  #end(ending: Ending): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    this.#countUnsent();
    this.#clearTimers();
    if (this.#busy === 0) this.#finish();
  }

  /** Ctrl-C: what is under way is cut off, and is neither right nor wrong. */
  #stop(): void {
    this.#end('stopped');
    for (const connection of this.#connections) if (connection.busy) connection.close();
    if (this.#busy === 0) return;
    this.#busy = 0;
    this.#lastEndAt = performance.now();
    this.#finish();
  }

  /** What was due and found no free connection waited at least until now: left out, a stall would look good. */
  #countUnsent(): void {
    const { rate, requests } = this.#plan;
    if (rate === null) return;
    const elapsedMs = performance.now() - this.#beganAt;
    const due = Math.min(Math.floor((elapsedMs * rate) / 1000), requests ?? Infinity);
    // One that was due this instant has not waited: timers are not that exact.
    this.#unsent = Math.max(due - this.#started, 0);
    if (this.#idle.length > 0 || this.#unsent === 0) this.#unsent = 0;
    else this.tally.enterUnsent(this.#unsent, elapsedMs - (this.#started * 1000) / rate);
  }

  #clearTimers(): void {
    if (this.#limit !== null) clearTimeout(this.#limit);
    for (const pause of this.#pauses) clearTimeout(pause);
    if (this.#wake === null) return;
    if ('refresh' in this.#wake) clearTimeout(this.#wake);
    else clearImmediate(this.#wake);
  }

  #finish(): void {
    this.#unwatch();
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    const seconds = (this.#lastEndAt - this.#beganAt) / 1000;
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    const generatorShare = seconds > 0 ? Math.min((user + system) / 1e6 / seconds, 1) : 0;
    this.#resolve(this.tally.report(this.#ending!, { seconds, generatorShare, unsent: this.#unsent }));
  }
}
