// A clamd client: one connection a command, content streamed to it by INSTREAM with backpressure, at most
// so many at once. Every reply but OK and FOUND is an error: the profile decides what an unscanned
// message means. Protocol: clamd(8), commands with the `z` prefix (zero-terminated both ways).

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PluginError } from 'weir';
import type { ClamdOptions } from './options.ts';
import { messageOf, printable } from './text.ts';

const MAX_REPLY = 64 * 1024; // bytes
const MAX_CHUNK = 1024 * 1024; // bytes of one INSTREAM chunk

export class Clamd {
  readonly #options: ClamdOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: ClamdOptions) {
    this.#options = options;
  }

  /** Where it is, for messages. */
  get address(): string {
    return 'socket' in this.#options ? this.#options.socket : `${this.#options.host}:${this.#options.port}`;
  }

  /** Engine and signature version, e.g. `ClamAV 1.4.3/27600/…`. Errors as `scan`. */
  version(signal?: AbortSignal): Promise<string> {
    return this.#inTurn(signal, () => this.#command('VERSION', null, signal));
  }

  /**
   * Scans a content.
   *
   * @param chunks read as fast as clamd takes them
   * @returns the signature's name, or null when clamd finds nothing
   * @throws {PluginError} `ERR_SCAN_UNAVAILABLE`: not reachable, silent too long, its size limit exceeded,
   *         any other error reply; `ERR_ABORTED` by the signal
   */
  async scan(chunks: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<string | null> {
    const reply = await this.#inTurn(signal, () => this.#command('INSTREAM', chunks, signal));
    if (reply === 'stream: OK') return null;
    const found = /^stream: (.+) FOUND$/.exec(reply);
    if (found) return found[1]!;
    throw this.#unavailable(`answered: ${printable(reply)}`);
  }

  /** One command on its own connection. */
  async #command(name: string, chunks: AsyncIterable<Buffer> | null, signal?: AbortSignal): Promise<string> {
    if (signal?.aborted) throw aborted();
    const socket = connect(
      'socket' in this.#options
        ? { path: this.#options.socket }
        : { host: this.#options.host, port: this.#options.port },
    );
    let reason: PluginError | null = null;
    const fail = (error: PluginError): void => {
      reason ??= error;
      socket.destroy(error); // with an error, or nobody who waits for `connect` would hear of it
    };
    const onAbort = (): void => fail(aborted());
    signal?.addEventListener('abort', onAbort, { once: true });
    const connectTimer = setTimeout(
      () => fail(this.#unavailable(`no connection within ${this.#options.connectTimeout} ms`)),
      this.#options.connectTimeout,
    );
    socket.once('connect', () => clearTimeout(connectTimer));
    socket.setTimeout(this.#options.replyTimeout, () =>
      fail(this.#unavailable(`silent for ${this.#options.replyTimeout} ms`)),
    );
    try {
      const reply = readReply(socket);
      reply.catch(() => {}); // awaited below, unless sending fails first
      await once(socket, 'connect');
      socket.write(`z${name}\0`);
      if (chunks !== null) await send(socket, chunks);
      return await reply;
    } catch (error) {
      throw reason ?? (error instanceof SourceError ? error.cause : this.#unavailable(closedEarly(error)));
    } finally {
      clearTimeout(connectTimer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
    }
  }

  /** First come, first served, `connections` at once. */
  async #inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.connections) {
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(turn), 1);
          reject(aborted());
        };
        const turn = (): void => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        this.#waiting.push(turn);
      });
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      // The place is handed on as it is: counting down and up again would let a newcomer in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #unavailable(what: string): PluginError {
    return new PluginError('ERR_SCAN_UNAVAILABLE', `clamd at ${this.address}: ${what}`, {
      scanner: this.address,
    });
  }
}

/** An error of the content, not of clamd: passed on as it is. */
class SourceError extends Error {}

/**
 * clamd answers and closes as soon as its StreamMaxLength is passed; the write that fails on the closed
 * connection may be noticed before the answer is read.
 */
function closedEarly(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (code !== 'EPIPE' && code !== 'ECONNRESET') return messageOf(error);
  return `it stopped reading the content: its size limit exceeded (StreamMaxLength), or it was stopped (${code})`;
}

/** Sends chunks with their lengths, then the zero length. Stops at once when clamd has answered. */
async function send(socket: Socket, chunks: AsyncIterable<Buffer>): Promise<void> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { value, done } = await source.next().catch((error: unknown) => {
        throw new SourceError('content', { cause: error });
      });
      if (done) break;
      for (let at = 0; at < value.length; at += MAX_CHUNK) {
        const part = value.subarray(at, at + MAX_CHUNK);
        const length = Buffer.allocUnsafe(4);
        length.writeUInt32BE(part.length);
        // clamd answers early when its limit is exceeded and closes: the reply tells why, not the write.
        if (socket.destroyed || socket.readableEnded) return;
        socket.write(length);
        if (!socket.write(part)) await drained(socket);
      }
    }
    if (socket.writable) socket.write(Buffer.alloc(4));
  } finally {
    await source.return?.();
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done).off('end', done);
      resolve();
    };
    socket.on('drain', done).on('close', done).on('end', done);
  });
}

/** Text up to the zero byte. */
function readReply(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      const end = read.indexOf(0);
      if (end >= 0) resolve(read.toString('utf8', 0, end).trim());
      else if (read.length > MAX_REPLY) reject(new Error('endless reply'));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed the connection without a reply')));
  });
}

function aborted(): PluginError {
  return new PluginError('ERR_ABORTED', 'scan aborted');
}
