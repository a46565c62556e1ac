// One stream of a client: its two halves, its windows, and the bytes that wait for them. What the bytes mean
// is its owner's affair (server-exchange.ts, stream-duplex.ts); whose turn it is to send is the connection's.
// RFC 9113 §5.1, §5.2, §6.9.

import { FLOW_CONTROL_ERROR, Http2CodecError, NO_ERROR } from './codec/codec-error.ts';
import { DEFAULT_FRAME_SIZE, LARGEST_WINDOW } from './codec/frame-types.ts';

/** What a stream needs of its connection. */
export interface StreamHost {
  /** Bytes that the client takes on all streams together; whoever sends takes them off. */
  sendWindow: number;
  sendHead(stream: number, status: number | null, fields: readonly string[], endStream: boolean): void;
  sendData(stream: number, data: Buffer, from: number, to: number, endStream: boolean): void;
  sendReset(stream: number, code: number): void;
  sendWindowUpdate(stream: number, increment: number): void;
  /** Bytes that came in DATA have been taken, or thrown away. */
  credit(bytes: number): void;
  /** The stream has bytes to send, and its window is open. */
  wantsTurn(stream: ServerStream): void;
  /** Both halves are closed, or it was reset. */
  onStreamClosed(stream: ServerStream, reset: boolean): void;
}

export interface StreamOwner {
  /** @returns false: the client's window stays as it is until {@link ServerStream.resume} */
  onData(data: Buffer): boolean;
  /** The client has sent all. @param trailers  name, value, … as they came */
  onEnd(trailers: readonly string[]): void;
  /** The client has reset the stream, or the connection is lost. */
  onReset(code: number): void;
  /** What was written has left. */
  onDrain(): void;
  /** The last byte has left. */
  onFinish(): void;
  /** Nothing comes or goes any more. */
  onClose(): void;
}

const NOTHING = Buffer.alloc(0);
const NO_FIELDS: readonly string[] = [];

export class ServerStream {
  readonly id: number;
  /** Set before anything can happen. */
  owner!: StreamOwner;
  /** The client's half is closed. */
  remoteDone: boolean;
  /** Waits for its turn to send. */
  queued = false;
  readonly #host: StreamHost;
  readonly #windowBytes: number;
  #sendWindow: number;
  #receiveWindow: number;
  #owed = 0; // of the stream's window, not given back yet
  #held = 0; // came, and nobody has taken it
  #pending: Buffer = NOTHING;
  #pendingAt = 0;
  #ending = false;
  #trailers: readonly string[] = NO_FIELDS;
  #localDone = false;
  #closed = false;

  /** @param windowBytes  that the client may send ahead */
  constructor(host: StreamHost, id: number, endOfStream: boolean, sendWindow: number, windowBytes: number) {
    this.#host = host;
    this.id = id;
    this.remoteDone = endOfStream;
    this.#sendWindow = sendWindow;
    this.#windowBytes = windowBytes;
    this.#receiveWindow = windowBytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes wait for the client to take them. */
  get isBlocked(): boolean {
    return this.#pending.length > 0;
  }

  // --- sending ---

  sendHead(status: number, fields: readonly string[], endStream: boolean): void {
    this.#host.sendHead(this.id, status, fields, endStream);
    if (endStream) this.#finish();
  }

  /** Whether so many bytes could leave at once. */
  hasWindow(bytes: number): boolean {
    return bytes <= this.#sendWindow && bytes <= this.#host.sendWindow;
  }

  /** Sends a whole body of at most one frame, for which there is window, at once. */
  finishWith(data: Buffer): void {
    this.#sendWindow -= data.length;
    this.#host.sendWindow -= data.length;
    this.#sendEnd(data, 0, data.length);
  }

  /** Sends a piece of a body, as windows allow. `false`: nothing more until `onDrain`. */
  write(data: Buffer): boolean {
    if (this.#closed || this.#localDone || data.length === 0) return true;
    this.#pending = data;
    this.#pendingAt = 0;
    if (this.#sendWindow > 0) this.#host.wantsTurn(this);
    return !this.isBlocked;
  }

  /** Nothing more follows, but trailers perhaps. */
  end(trailers: readonly string[] = NO_FIELDS): void {
    if (this.#closed || this.#localDone) return;
    this.#ending = true;
    this.#trailers = trailers;
    if (!this.isBlocked) this.#sendEnd(NOTHING, 0, 0);
  }

  /**
   * Sends one frame of what waits.
   * @param window  bytes that the connection has left
   * @returns how many bytes it took
   */
  takeTurn(window: number): number {
    const from = this.#pendingAt;
    const bytes = Math.min(this.#pending.length - from, this.#sendWindow, window, DEFAULT_FRAME_SIZE);
    if (this.#closed || bytes <= 0) return 0;
    const data = this.#pending;
    const to = from + bytes;
    this.#sendWindow -= bytes;
    this.#pendingAt = to;
    if (to < data.length) {
      this.#host.sendData(this.id, data, from, to, false);
      if (this.#sendWindow > 0) this.#host.wantsTurn(this);
      return bytes;
    }
    this.#pending = NOTHING;
    if (this.#ending) this.#sendEnd(data, from, to);
    else {
      this.#host.sendData(this.id, data, from, to, false);
      this.owner.onDrain();
    }
    return bytes;
  }

  #sendEnd(data: Buffer, from: number, to: number): void {
    const trails = this.#trailers.length > 0;
    if (!trails || to > from) this.#host.sendData(this.id, data, from, to, !trails);
    if (trails) this.#host.sendHead(this.id, null, this.#trailers, true);
    this.#finish();
  }

  #finish(): void {
    this.#localDone = true;
    this.owner.onFinish();
    if (this.remoteDone) this.#close(false);
  }

  /** Takes or gives back some of what may be sent. @throws {Http2CodecError} the window is too large then */
  growSendWindow(bytes: number): void {
    this.#sendWindow += bytes;
    if (this.#sendWindow > LARGEST_WINDOW) {
      throw new Http2CodecError(FLOW_CONTROL_ERROR, `a window of ${this.#sendWindow} bytes`);
    }
    if (this.#sendWindow > 0 && this.isBlocked) this.#host.wantsTurn(this);
  }

  // --- receiving ---

  /** @throws {Http2CodecError} more than the window */
  receive(data: Buffer, flowBytes: number): void {
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) throw new Http2CodecError(FLOW_CONTROL_ERROR, 'a body beyond its window');
    if (data.length === 0 || this.owner.onData(data)) this.#credit(flowBytes);
    else this.#held += flowBytes;
  }

  /** The client has sent all of it. */
  receiveEnd(trailers: readonly string[]): void {
    this.remoteDone = true;
    this.owner.onEnd(trailers);
    if (this.#localDone) this.#close(false);
  }

  /** What was held back is taken, and more is wanted. */
  resume(): void {
    const bytes = this.#held;
    this.#held = 0;
    this.#credit(bytes);
  }

  #credit(bytes: number): void {
    this.#host.credit(bytes);
    this.#owed += bytes;
    if (this.#owed * 2 < this.#windowBytes || this.remoteDone || this.#closed) return;
    this.#host.sendWindowUpdate(this.id, this.#owed);
    this.#receiveWindow += this.#owed;
    this.#owed = 0;
  }

  // --- ending ---

  /** Ends both halves. */
  reset(code: number): void {
    if (this.#closed) return;
    if (!(this.#localDone && this.remoteDone)) this.#host.sendReset(this.id, code);
    this.#close(false);
  }

  /** The client ends both halves, or its connection is lost. */
  receiveReset(code: number, byClient: boolean): void {
    if (this.#closed) return;
    this.owner.onReset(code);
    this.#close(byClient);
  }

  /** The answer is out: the rest of the request is not wanted (RFC 9113 §8.1). */
  endEarly(): void {
    if (!this.remoteDone) this.reset(NO_ERROR);
  }

  #close(reset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = NOTHING;
    this.#host.credit(this.#held);
    this.#held = 0;
    this.owner.onClose();
    this.#host.onStreamClosed(this, reset);
  }
}
