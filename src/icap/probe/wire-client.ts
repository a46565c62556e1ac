// One connection to an ICAP server for people and examinations: sends exactly the bytes it is given, keeps
// all bytes of both directions, and reads answers leniently. It enforces no protocol: what is sent when
// is up to its user (exchange.ts, a doctor, a test).

import type { Socket } from 'node:net';
import { IcapError, messageOf, type WeirError } from '../../errors.ts';
import { openSocket, type ProbeTls } from './connect.ts';
import { type ExpectedResponse, readWireResponse, type WireResponse } from './response-reader.ts';
import type { ProbeTarget } from './target.ts';
import { type Transcript, TranscriptRecorder } from './transcript.ts';
import { WireInput } from './wire-input.ts';

export type { ProbeTls } from './connect.ts';
export type { ExpectedResponse, HttpHeaderSection, WireResponse } from './response-reader.ts';
export { parseIcapUrl, type ProbeTarget, requestStart, targetUrl } from './target.ts';
export type { Transcript, TranscriptEntry } from './transcript.ts';

export interface ProbeOptions {
  /** For TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** Silence in both directions after which reading and writing fail. */
  readonly readTimeoutMs: number;
  readonly tls?: ProbeTls;
  /** Of a body that is kept, of `readUntilClose`, and of each direction of the transcript. */
  readonly maxBytes: number;
}

const PIECE = 64 * 1024; // bytes written at a time

export class WireClient {
  readonly transcript: Transcript;
  readonly connectMs: number;
  /** Null without TLS. */
  readonly tlsMs: number | null;
  readonly #socket: Socket;
  readonly #options: ProbeOptions;
  readonly #recorder: TranscriptRecorder;
  readonly #input: WireInput;
  #lost: WeirError | null = null;
  #closedByUs = false;
  #closedByPeer = false;

  private constructor(
    { socket, connectMs, tlsMs }: Awaited<ReturnType<typeof openSocket>>,
    options: ProbeOptions,
    recorder: TranscriptRecorder,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#recorder = recorder;
    this.transcript = recorder;
    this.connectMs = connectMs;
    this.tlsMs = tlsMs;
    this.#input = new WireInput(options.readTimeoutMs, (paused) => {
      if (paused) socket.pause();
      else if (socket.isPaused()) socket.resume();
    });
    socket.on('data', (chunk: Buffer) => {
      recorder.record('received', chunk);
      this.#input.push(chunk);
    });
    socket.on('end', () => {
      this.#closedByPeer = true;
      this.#input.end(null);
    });
    socket.on('error', (error) => this.#lose(error));
    socket.on('close', () => this.#lose(new Error('it was closed')));
  }

  /**
   * Connects, with TLS for `icaps`.
   * @throws {IcapError} `ERR_PROBE_CONNECT`, `ERR_PROBE_TIMEOUT`, `ERR_PROBE_TLS`
   */
  static async connect(target: ProbeTarget, options: ProbeOptions): Promise<WireClient> {
    const recorder = new TranscriptRecorder(options.maxBytes);
    const opened = await openSocket(target, options.connectTimeoutMs, options.tls);
    return new WireClient(opened, options, recorder);
  }

  /** The peer has ended or reset the connection; bytes that came before may still be unread. */
  get closedByPeer(): boolean {
    return this.#closedByPeer;
  }

  /** Bytes received that no response has taken. */
  get unreadBytes(): number {
    return this.#input.unread;
  }

  /**
   * Resolves when the bytes are handed to the operating system.
   *
   * @param bytes  strings are latin-1
   * @throws {IcapError} `ERR_PROBE_CLOSED`; `ERR_PROBE_TIMEOUT` when the peer takes nothing for `readTimeoutMs`
   */
  async send(bytes: Buffer | string): Promise<void> {
    const buffer = toBuffer(bytes);
    for (let at = 0; at < buffer.length; at += PIECE) await this.#write(buffer.subarray(at, at + PIECE));
  }

  /** Like `send`, in pieces with a pause after each: for servers that must cope with slow clients. */
  async sendSlowly(bytes: Buffer | string, pieceBytes: number, pauseMs: number): Promise<void> {
    const buffer = toBuffer(bytes);
    for (let at = 0; at < buffer.length; at += pieceBytes) {
      await this.#write(buffer.subarray(at, at + pieceBytes));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /**
   * Reads the next response; a 100 Continue is one of its own. May run while `send` does.
   * @throws {IcapError} as `readWireResponse` does
   */
  readResponse(expect: ExpectedResponse): Promise<WireResponse> {
    this.#input.touch();
    return readWireResponse(this.#input, expect, this.#options.maxBytes);
  }

  /**
   * All bytes that no response has taken, once the peer has closed or reset the connection.
   * @throws {IcapError} `ERR_PROBE_TIMEOUT` when it is still open after `timeoutMs`; `ERR_PROBE_TOO_LARGE`
   */
  async readUntilClose(timeoutMs: number): Promise<Buffer> {
    const giveUpAt = performance.now() + timeoutMs;
    this.#input.awaiting = 'the end of the connection';
    for (;;) {
      if (this.#input.bytes.length > this.#options.maxBytes) {
        throw new IcapError(
          'ERR_PROBE_TOO_LARGE',
          `the server sent more than ${this.#options.maxBytes} bytes`,
        );
      }
      try {
        if (await this.#input.more(giveUpAt)) continue;
      } catch (error) {
        if (error !== this.#lost) throw error;
      }
      return this.#input.consume(this.#input.bytes.length);
    }
  }

  /** Ends our side; answers can still be read. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#closedByUs = true;
    this.#socket.destroy();
  }

  #write(piece: Buffer): Promise<void> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    this.#recorder.record('sent', piece);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const text = `the server took none of what was sent for ${this.#options.readTimeoutMs} ms`;
        reject(new IcapError('ERR_PROBE_TIMEOUT', text));
      }, this.#options.readTimeoutMs);
      this.#socket.write(piece, (error) => {
        clearTimeout(timer);
        this.#input.touch();
        if (error == null) resolve();
        else reject(this.#lost ?? closed(error));
      });
    });
  }

  #lose(error: Error): void {
    if (this.#lost !== null) return;
    if (!this.#closedByUs) this.#closedByPeer = true;
    this.#lost = closed(error);
    this.#input.end(this.#lost);
  }
}

function closed(error: Error): WeirError {
  const reset = /^(?:ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? '');
  const text = reset ? 'the server reset the connection' : `the connection broke: ${messageOf(error)}`;
  return new IcapError('ERR_PROBE_CLOSED', text, {}, error);
}

function toBuffer(bytes: Buffer | string): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
}
