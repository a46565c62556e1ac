// Inside the thread of an isolated plugin: says, in memory that the host can read while the thread is busy, whose
// code runs now. Promises and timers that a call makes are that call's, and so are those that they make: node
// tells of each before and after its code runs (async_hooks).

import { createHook, executionAsyncResource } from 'node:async_hooks';
import { BEATS, EXECUTING } from './messages.ts';

const CALL = Symbol('call');
type Marked = { [CALL]?: number };

export class Pulse {
  readonly #shared: Int32Array;
  readonly #outer: number[] = [];
  #executing = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#shared = new Int32Array(memory);
    createHook({
      init: (_id, _type, _trigger, resource) => {
        if (this.#executing !== 0) (resource as Marked)[CALL] = this.#executing;
      },
      before: () => {
        this.#outer.push(this.#executing);
        this.#set((executionAsyncResource() as Marked)[CALL] ?? 0);
      },
      after: () => this.#set(this.#outer.pop() ?? 0),
    }).enable();
  }

  /** Runs what belongs to that call. */
  during<T>(call: number, run: () => T): T {
    const before = this.#executing;
    this.#set(call);
    try {
      return run();
    } finally {
      this.#set(before);
    }
  }

  /** The call that made it, or 0. */
  callOf(promise: Promise<unknown>): number {
    return (promise as Marked)[CALL] ?? 0;
  }

  beat(): void {
    Atomics.add(this.#shared, BEATS, 1);
  }

  #set(call: number): void {
    this.#executing = call;
    Atomics.store(this.#shared, EXECUTING, call);
  }
}
