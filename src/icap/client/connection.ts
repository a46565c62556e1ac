// One connection to an ICAP server: bytes to response events for the exchange that has it. Knows
// nothing of previews or verdicts; exchange.ts does. A byte that nobody asked for closes it (C-85).

import type { Socket } from 'node:net';
import { IcapError, isWeirError, messageOf, reasonOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { SlabReader } from '../../util/slab-reader.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { IcapMethod } from '../codec/encapsulated.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import type { BodyEnd, Sections } from '../codec/message-parser.ts';
import { IcapResponseParser } from '../codec/message-parser.ts';
import { isTlsError } from './connector.ts';

/** Whoever waits for a response on a connection. */
export interface ConnectionUser {
  /** Bytes of the server as they came, before they are read. */
  onBytes(chunk: Buffer): void;
  onMessage(head: IcapResponseHead, sections: Sections): void;
  onData(chunk: Buffer): void;
  onEnd(end: BodyEnd): void;
  /** Everything that had arrived was parsed. */
  afterRead(): void;
  onDrain(): void;
  /** The connection is gone: closed by the peer, an error, a time-out or broken bytes. */
  onLost(error: WeirError): void;
}

export class IcapClientConnection implements HasDeadline {
  deadlineAt = Infinity;
  /** Milliseconds that it took to open it. */
  openedMs = 0;
  readonly socket: Socket;
  /** Who keeps received bytes beyond the event needs a lease of it. */
  readonly reader: SlabReader;
  /** Exchanges carried so far; a connection with some may have been closed by the server meanwhile. */
  exchanges = 0;
  /** Response bytes were seen since the exchange began. */
  answered = false;
  /** HTTP trailers were sent since the exchange began, which some servers do not bear. */
  sentTrailers = false;
  readonly #parser: IcapResponseParser;
  readonly #onClosed: (connection: IcapClientConnection) => void;
  #user: ConnectionUser | null = null;
  #lost: WeirError | null = null;
  #ended = false; // by the peer
  #spoilt = false; // bytes stand behind the end of a response

  /** @param strict  refuses what the protocol forbids but allows only one reading (K-36) */
  constructor(
    socket: Socket,
    reader: SlabReader,
    onClosed: (connection: IcapClientConnection) => void,
    strict = false,
  ) {
    this.socket = socket;
    this.reader = reader;
    this.#onClosed = onClosed;
    this.#parser = new IcapResponseParser(
      {
        onMessage: (head, sections) => {
          if (this.#ended && head.status < 400) throw unavailable('the answer was cut off');
          this.#user?.onMessage(head, sections);
        },
        onData: (chunk) => this.#user?.onData(chunk),
        onEnd: (end) => this.#user?.onEnd(end),
      },
      strict,
      true,
    );
    reader.sink = (bytes) => this.#read(bytes);
    socket.on('drain', () => this.#user?.onDrain());
    socket.on('error', (error) => this.#lose(connectionFailed(error)));
    socket.on('end', () => {
      reader.flush();
      this.#ended = true;
      // e2guardian ends an error without its blank line (V-19); nothing else is taken that way.
      if (this.#user !== null && this.#parser.state === 'head' && this.#parser.midMessage) {
        this.#read(Buffer.from('\r\n', 'latin1'));
      }
      this.#lose(unavailable('the ICAP server closed the connection'));
    });
    socket.on('close', () => this.#lose(unavailable('the connection was closed')));
  }

  get usable(): boolean {
    return this.#lost === null && !this.#spoilt && !this.#ended && !this.socket.destroyed;
  }

  /** Hands the connection to an exchange. */
  assign(user: ConnectionUser, method: IcapMethod): void {
    this.#user = user;
    this.exchanges++;
    this.answered = false;
    this.sentTrailers = false;
    this.#parser.expect(method);
  }

  /** After 100: another response to the same request follows. */
  expectMore(method: IcapMethod): void {
    this.#parser.expect(method);
  }

  release(): void {
    this.#user = null;
    this.deadlineAt = Infinity;
    if (this.socket.isPaused()) this.socket.resume(); // the last body may have ended while held up
  }

  destroy(): void {
    this.#user = null;
    this.socket.destroy();
  }

  onDeadline(): void {
    if (this.#user === null) return this.destroy();
    this.#lose(new IcapError('ERR_ADAPT_TIMEOUT', 'the ICAP server did not answer in time'));
  }

  #read(chunk: Buffer): void {
    const user = this.#user;
    if (user === null) return this.destroy();
    this.answered = true;
    user.onBytes(chunk);
    try {
      const at = this.#parser.execute(chunk);
      if (at < chunk.length) this.#spoilt = true;
      user.afterRead();
      if (at < chunk.length) throw new IcapError('ERR_ICAP_FIELD', 'bytes follow the end of the response');
    } catch (error) {
      if (!isWeirError(error)) throw error;
      if (error.code === 'ERR_ADAPT_UNAVAILABLE') return this.#lose(error);
      const text = `the ICAP server broke the protocol: ${error.message}`;
      this.#lose(new IcapError('ERR_ADAPT_PROTOCOL', text, {}, error));
    }
  }

  #lose(error: WeirError): void {
    if (this.#lost !== null) return;
    this.#lost = error;
    const user = this.#user;
    this.#user = null;
    this.socket.destroy();
    this.#onClosed(this);
    user?.onLost(error);
  }
}

function connectionFailed(error: Error): WeirError {
  if (!isTlsError(error)) return unavailable(`connection failed: ${messageOf(error)}`, error);
  const text = `the ICAP server ended TLS: ${reasonOf(error)}`;
  return new IcapError('ERR_ADAPT_TLS', text, {}, error);
}

function unavailable(message: string, cause?: unknown): WeirError {
  return new IcapError('ERR_ADAPT_UNAVAILABLE', message, {}, cause);
}
