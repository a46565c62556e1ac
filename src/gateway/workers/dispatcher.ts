// Which worker gets an accepted connection: the one with the fewest, so that long-lived connections of
// ICAP clients spread evenly. While no worker serves, connections wait here, bounded in number and time.

import type { Socket } from 'node:net';
import type { WorkerProcess } from './worker-process.ts';

const MAX_WAITING = 1024; // connections; further ones are closed
const MAX_WAIT_MS = 10_000;
const SILENT_MS = 5000; // a worker that has not said anything for so long gets no more while others do

interface Waiting {
  readonly socket: Socket;
  readonly listener: number;
  readonly since: number;
}

export class Dispatcher {
  #waiting: Waiting[] = [];
  readonly #workers: () => readonly WorkerProcess[];
  readonly #maxConnections: () => number;

  /**
   * @param workers  those that serve under the present configuration
   * @param maxConnections  open ones of all workers, beyond which a further one is answered 503 (S-17)
   */
  constructor(workers: () => readonly WorkerProcess[], maxConnections: () => number) {
    this.#workers = workers;
    this.#maxConnections = maxConnections;
  }

  /** Connections that wait for a worker. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Hands the connection to a worker, now or when there is one. */
  dispatch(socket: Socket, listener: number): void {
    const workers = this.#workers();
    const worker = choose(workers);
    if (worker !== null) {
      const open = workers.reduce((sum, { connections }) => sum + connections, 0);
      return worker.give(socket, listener, open >= this.#maxConnections());
    }
    if (this.#waiting.length >= MAX_WAITING) return void socket.destroy();
    this.#waiting.push({ socket, listener, since: performance.now() });
  }

  /** A worker has begun to serve. */
  dispatchWaiting(): void {
    if (this.#waiting.length === 0 || this.#workers().length === 0) return;
    for (const { socket, listener } of this.#waiting.splice(0)) this.dispatch(socket, listener);
  }

  /** Closes those that have waited too long. @returns how many */
  expire(): number {
    const limit = performance.now() - MAX_WAIT_MS;
    const late = this.#waiting.filter(({ since }) => since < limit);
    if (late.length === 0) return 0;
    this.#waiting = this.#waiting.filter(({ since }) => since >= limit);
    for (const { socket } of late) socket.destroy();
    return late.length;
  }

  close(): void {
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }
}

/** The worker with the fewest connections, then the fewest requests; a silent one only if all are. */
function choose(workers: readonly WorkerProcess[]): WorkerProcess | null {
  const heardSince = performance.now() - SILENT_MS;
  let best: WorkerProcess | null = null;
  for (const worker of workers) {
    if (best === null || isBetter(worker, best, heardSince)) best = worker;
  }
  return best;
}

function isBetter(one: WorkerProcess, other: WorkerProcess, heardSince: number): boolean {
  const answers = one.heardAt >= heardSince;
  if (answers !== other.heardAt >= heardSince) return answers;
  if (one.connections !== other.connections) return one.connections < other.connections;
  return one.state.busy < other.state.busy;
}
