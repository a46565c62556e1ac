// Keeps the one thread of this process that compares bcrypt and argon2id hashes: started when it is first
// needed, ended when nobody has asked for a while. How many may wait is bounded by whoever asks (basic.ts).

import { Worker } from 'node:worker_threads';
import { HttpError, messageOf } from '../errors.ts';
import { workerOptions } from '../util/worker-url.ts';

export interface HashQuestion {
  readonly id: number;
  readonly kind: 'bcrypt' | 'argon2id';
  readonly password: Uint8Array;
  readonly encoded: string;
}

export interface HashAnswer {
  readonly id: number;
  readonly matches: boolean;
  readonly error: string | null;
}

interface Waiting {
  resolve(matches: boolean): void;
  reject(error: Error): void;
}

const IDLE_MS = 30_000; // then the thread is given up, with the memory that argon2 took

class HashThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEnd: () => void;
  #nextId = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    const { url, options } = workerOptions(import.meta.url, './hash-worker');
    this.#worker = new Worker(url, options);
    this.#worker.on('message', (answer: HashAnswer) => this.#answered(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('its thread ended')));
    this.#worker.unref();
  }

  compare(question: Omit<HashQuestion, 'id'>): Promise<boolean> {
    const id = this.#nextId++;
    clearTimeout(this.#idle);
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...question, id } satisfies HashQuestion);
    });
  }

  #answered({ id, matches, error }: HashAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === null) waiting?.resolve(matches);
    else waiting?.reject(unavailable(error));
    if (this.#waiting.size > 0) return;
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#onEnd();
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }

  #fail(error: unknown): void {
    clearTimeout(this.#idle);
    this.#onEnd();
    for (const { reject } of this.#waiting.values()) reject(unavailable(messageOf(error)));
    this.#waiting.clear();
  }
}

let thread: HashThread | null = null;

/**
 * Compares a password with a hash.
 * @throws rejects with {HttpError} `ERR_AUTH_UNAVAILABLE`
 */
export function compareInThread(
  kind: HashQuestion['kind'],
  password: Buffer,
  encoded: string,
): Promise<boolean> {
  if (thread === null) {
    const mine = new HashThread(() => {
      if (thread === mine) thread = null;
    });
    thread = mine;
  }
  // A copy: Buffers share their memory, and all of it would be copied along.
  return thread.compare({ kind, password: Uint8Array.from(password), encoded });
}

function unavailable(what: string): HttpError {
  return new HttpError('ERR_AUTH_UNAVAILABLE', `the password could not be compared: ${what}`);
}
