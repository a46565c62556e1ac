// One persistent connection of a load run: sends the ready request, follows 100 Continue, and tells how
// each exchange ended. Opens itself anew when the server has closed it. When an exchange begins is
// decided by phase.ts. K-20, K-30, K-34, C-49, C-85.

import type { Socket } from 'node:net';
import { isWeirError, messageOf, reasonOf } from '../../errors.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import { type Expectations, type Failure, type FailureKind, judge } from './judge.ts';
import { connectTo, type LoadEndpoint } from './endpoint.ts';
import type { LoadMessage } from './message.ts';
import { ResponseScanner } from './response-scanner.ts';

/** What a connection has done for one exchange, read by the phase when it ends. */
export interface ExchangeFacts {
  readonly connection: LoadConnection;
  /** Null when it was answered rightly. */
  readonly failure: Failure | null;
  /** Final status, null when none was read. */
  readonly status: number | null;
  readonly continued: boolean;
  readonly changed: boolean;
  readonly reopened: boolean;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

// All reads of all connections go here: each is scanned before the next one happens.
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

export class LoadConnection {
  /** When the exchange was meant to begin, and did; on the clock of `performance.now()`. */
  intendedAt = 0;
  startedAt = 0;
  readonly #endpoint: LoadEndpoint;
  readonly #expected: Expectations;
  readonly #connectTimeoutMs: number;
  readonly #scanner = new ResponseScanner();
  #socket: Socket | null = null;
  #connected = false;
  #message: LoadMessage | null = null; // of the exchange under way
  #onEnd: (facts: ExchangeFacts) => void = () => {};
  #carried = false; // the socket has carried an exchange, so that the server may have closed it since
  #answered = false; // bytes of the answer were seen
  #awaitsContinue = false;
  #continued = false;
  #reopened = false;
  #sent = 0;
  #received = 0;

  constructor(endpoint: LoadEndpoint, expected: Expectations, connectTimeoutMs: number) {
    this.#endpoint = endpoint;
    this.#expected = expected;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  get busy(): boolean {
    return this.#message !== null;
  }

  /** Head of the last response, for the OPTIONS that precede a run. */
  get lastHead(): IcapResponseHead | null {
    return this.#scanner.head;
  }

  /** Connects; resolves with null, or with what went wrong. */
  open(): Promise<Failure | null> {
    return new Promise((resolve) => {
      this.#open(resolve);
    });
  }

  /** Begins an exchange; `onEnd` is called once, unless `close` comes first. */
  start(
    message: LoadMessage,
    intendedAt: number,
    startedAt: number,
    onEnd: (facts: ExchangeFacts) => void,
  ): void {
    this.intendedAt = intendedAt;
    this.startedAt = startedAt;
    this.#message = message;
    this.#onEnd = onEnd;
    this.#reopened = !this.#connected;
    this.#continued = false;
    this.#sent = 0;
    this.#received = 0;
    if (this.#connected) this.#send(message);
    else this.#reopen(message);
  }

  /** Gives the exchange under way up. */
  fail(kind: FailureKind, text: string): void {
    this.#drop();
    this.#end({ kind, text }, null, false);
  }

  /** Closes without a word to anybody. */
  close(): void {
    this.#message = null;
    this.#drop();
  }

  #reopen(message: LoadMessage): void {
    this.#open((failure) => {
      if (failure === null) this.#send(message);
      else this.#end(failure, null, false);
    });
  }

  /** @param done  called once, unless the connection is given up before */
  #open(done: (failure: Failure | null) => void): void {
    const onread = {
      buffer: READ_BUFFER,
      callback: (bytes: number): boolean => {
        if (this.#socket === socket) this.#read(READ_BUFFER.subarray(0, bytes));
        return true;
      },
    };
    const socket: Socket = connectTo(this.#endpoint, onread);
    this.#socket = socket;
    this.#connected = false;
    this.#carried = false;
    const limit = setTimeout(() => {
      socket.destroy(new Error(`no connection within ${this.#connectTimeoutMs} ms`));
    }, this.#connectTimeoutMs);
    let pending: typeof done | null = done;
    const settle = (failure: Failure | null): void => {
      clearTimeout(limit);
      const report = pending;
      pending = null;
      report?.(failure);
    };
    socket.once(this.#endpoint.tls === null ? 'connect' : 'secureConnect', () => {
      if (this.#socket !== socket) return;
      this.#connected = true;
      settle(null);
    });
    const lost = (reason: string): void => {
      clearTimeout(limit);
      if (this.#socket !== socket) return;
      this.#drop();
      if (pending !== null) settle({ kind: 'connect', text: reason });
      else this.#onLost(reason);
    };
    socket.on('error', (error) => lost(reasonOf(error)));
    socket.on('end', () => lost('the server closed the connection'));
    socket.on('close', () => lost('the connection was closed'));
  }

  #send(message: LoadMessage): void {
    this.#awaitsContinue = message.hasPreview && message.rest !== null;
    this.#answered = false;
    this.#scanner.expect(message.method);
    this.#sent += message.first.length;
    this.#socket!.write(message.first);
  }

  #read(bytes: Buffer): void {
    const message = this.#message;
    if (message === null) return this.#drop(); // nobody asked: it cannot be trusted with the next request
    this.#answered = true;
    this.#received += bytes.length;
    try {
      let at = this.#scanner.scan(bytes, 0);
      while (at >= 0 && this.#scanner.head!.status === 100) {
        if (!this.#awaitsContinue) return this.fail('protocol', '100 Continue that nobody waits for (K-34)');
        this.#continue(message);
        at = at < bytes.length ? this.#scanner.scan(bytes, at) : -1;
      }
      if (at < 0) return;
      if (at < bytes.length) return this.fail('protocol', 'bytes follow the end of the response (C-85)');
    } catch (error) {
      if (!isWeirError(error)) throw error;
      return this.fail('protocol', messageOf(error));
    }
    this.#finish(message);
  }

  #continue(message: LoadMessage): void {
    this.#awaitsContinue = false;
    this.#continued = true;
    this.#scanner.expect(message.method);
    this.#sent += message.rest!.length;
    this.#socket!.write(message.rest!);
  }

  #finish(message: LoadMessage): void {
    const { status, close } = this.#scanner.head!;
    const { failure, changed } = judge(this.#scanner, message, this.#continued, this.#expected);
    this.#carried = true;
    // Errors may carry a body that nothing announces: a connection of their own is safer.
    if (close || status >= 300 || failure !== null) this.#drop();
    this.#end(failure, status, changed);
  }

  #end(failure: Failure | null, status: number | null, changed: boolean): void {
    if (this.#message === null) return;
    this.#message = null;
    this.#onEnd({
      connection: this,
      failure,
      status,
      continued: this.#continued,
      changed,
      reopened: this.#reopened,
      bytesSent: this.#sent,
      bytesReceived: this.#received,
    });
  }

  #onLost(reason: string): void {
    const message = this.#message;
    if (message === null) return;
    // A kept connection that was dead before any answer says nothing of the request: once more (K-20).
    if (this.#carried && !this.#answered) {
      this.#reopened = true;
      this.#reopen(message);
    } else this.#end({ kind: 'closed', text: reason }, null, false);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#connected = false;
    socket?.destroy();
  }
}
