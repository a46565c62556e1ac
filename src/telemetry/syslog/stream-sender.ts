// Sends syslog messages over TCP (RFC 6587) or TLS (RFC 5425): one connection, made anew with growing pauses
// when it breaks, and a bounded queue meanwhile. A batch counts as sent when the system has taken it; the one
// that was under way when a connection broke is sent again, so that messages may come twice but not go missing.

import net from 'node:net';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import type { SyslogSender } from './sender.ts';
import { within } from './sender.ts';

export interface StreamOptions {
  readonly host: string;
  readonly port: number;
  /** Null: TCP without TLS. */
  readonly tls: tls.ConnectionOptions | null;
  /** Messages that wait; further ones are dropped. */
  readonly maxQueue: number;
  readonly frame: (message: Buffer) => Buffer;
  readonly onTrouble: (error: Error) => void;
  /** Told when a connection stands after one that broke, or was not made. */
  readonly onRecovered: () => void;
  /** First pause before the next connection; doubles up to 30 s. Default 1000. */
  readonly pauseMs?: number;
}

const MAX_QUEUE_BYTES = 32 * 1024 * 1024;
const BATCH_BYTES = 64 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const WRITE_TIMEOUT_MS = 30_000; // without the peer taking anything
const MAX_PAUSE_MS = 30_000;
const PAUSE_MS = 1000;

export class StreamSender implements SyslogSender {
  readonly #options: StreamOptions;
  #queue: Buffer[] = [];
  #queueBytes = 0;
  #socket: Socket | null = null;
  #isReady = false;
  /** Messages at the head of the queue that are being written. */
  #writing = 0;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #closed = false;
  #idle: (() => void)[] = [];
  dropped = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  send(message: Buffer): void {
    const frame = this.#options.frame(message);
    const isFull =
      this.#queue.length >= this.#options.maxQueue || this.#queueBytes + frame.length > MAX_QUEUE_BYTES;
    if (this.#closed || isFull) {
      this.dropped++;
      return;
    }
    this.#queue.push(frame);
    this.#queueBytes += frame.length;
    if (this.#socket === null && this.#timer === null) this.#connect();
    else this.#write();
  }

  async close(graceMs: number): Promise<void> {
    if (this.#queue.length > 0 && graceMs > 0) {
      this.#socket?.ref();
      await within(graceMs, (resolve) => this.#idle.push(resolve));
    }
    this.#closed = true;
    clearTimeout(this.#timer ?? undefined);
    this.dropped += this.#queue.length;
    this.#queue = [];
    const socket = this.#socket;
    if (socket === null) return;
    socket.end(); // the peer reads to the end what was written
    await within(Math.min(graceMs, 1000), (resolve) => socket.once('close', resolve));
    socket.destroy();
  }

  #connect(): void {
    const { host, port, tls: secure } = this.#options;
    this.#timer = null;
    const socket = secure === null ? net.connect({ host, port }) : tls.connect({ host, port, ...secure });
    this.#socket = socket;
    let cause: Error | null = null;
    socket.setKeepAlive(true, 30_000);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
      socket.destroy(new Error('the receiver does not answer in time')),
    );
    socket.once(secure === null ? 'connect' : 'secureConnect', () => {
      socket.setTimeout(0);
      if (this.#failures > 0) this.#options.onRecovered();
      this.#failures = 0;
      this.#isReady = true;
      socket.unref();
      this.#write();
    });
    socket.on('error', (error) => (cause = error));
    socket.on('end', () => socket.destroy());
    socket.resume(); // whatever a receiver says is of no interest
    socket.once('close', () => this.#onClose(socket, cause));
  }

  #onClose(socket: Socket, cause: Error | null): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#isReady = false;
    this.#writing = 0;
    if (this.#closed) return;
    if (cause !== null) this.#options.onTrouble(cause);
    if (this.#queue.length === 0 && cause === null) return; // idle: the next message connects
    this.#failures++;
    const { pauseMs = PAUSE_MS } = this.#options;
    const pause = Math.min(MAX_PAUSE_MS, pauseMs * 2 ** Math.min(this.#failures - 1, 10));
    this.#timer = setTimeout(() => this.#connect(), pause).unref();
  }

  #write(): void {
    const socket = this.#socket;
    if (socket === null || !this.#isReady || this.#writing > 0 || this.#queue.length === 0) return;
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && (count === 0 || bytes < BATCH_BYTES)) {
      bytes += this.#queue[count]!.length;
      count++;
    }
    this.#writing = count;
    socket.setTimeout(WRITE_TIMEOUT_MS);
    socket.write(Buffer.concat(this.#queue.slice(0, count)), (error) => {
      if (error != null || this.#socket !== socket) return; // its end is told by `close`
      socket.setTimeout(0);
      this.#queue.splice(0, count);
      this.#queueBytes -= bytes;
      this.#writing = 0;
      if (this.#queue.length === 0) for (const tell of this.#idle.splice(0)) tell();
      this.#write();
    });
  }
}
