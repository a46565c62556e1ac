// What a connection of HTTP/2 sends for all its streams: heads through the one HPACK table, bodies frame by
// frame in turns while windows and the socket allow it, and what the client asks for, within bounds. It also
// keeps the connection's own two windows. RFC 9113 §4.3, §5.2, §6.

import type { Socket } from 'node:net';
import { FLOW_CONTROL_ERROR, Http2CodecError } from './codec/codec-error.ts';
import type { Setting } from './codec/frame-reader.ts';
import { DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, FRAME_HEAD, LARGEST_WINDOW } from './codec/frame-types.ts';
import { frameHeaderBlock, resetFrame, settingsFrame, windowUpdateFrame } from './codec/frame-writer.ts';
import { HpackEncoder } from './codec/hpack-encoder.ts';
import { FrameOutput } from './frame-output.ts';
import type { ServerStream, StreamHost } from './server-stream.ts';

export interface SenderEvents {
  onStreamClosed(stream: ServerStream, reset: boolean): void;
  /** Too much of what the client has asked for waits for it. */
  onUnread(): void;
}

const CONNECTION_WINDOW = 16 * 1024 * 1024; // bytes on their way in all streams together
const MAX_RESET_IDS = 1024; // streams that we reset and the client may not know of yet
const MAX_UNREAD = 1024 * 1024; // bytes of answers to pings and the like that the client does not take

export class FrameSender implements StreamHost {
  sendWindow = DEFAULT_WINDOW;
  readonly #events: SenderEvents;
  readonly #output: FrameOutput;
  readonly #encoder = new HpackEncoder();
  /** Streams that have something to send, in the order of their turns. */
  readonly #turns: ServerStream[] = [];
  #isPumping = false;
  readonly #resetIds = new Set<number>();
  #receiveWindow = CONNECTION_WINDOW;
  #owed = 0; // of the connection's window, not given back yet
  #closed = false;

  constructor(socket: Socket, events: SenderEvents) {
    this.#output = new FrameOutput(socket);
    this.#events = events;
  }

  /** Says our settings, and opens the connection's window. */
  begin(settings: readonly Setting[]): void {
    this.#output.write(settingsFrame(settings));
    this.#output.write(windowUpdateFrame(0, CONNECTION_WINDOW - DEFAULT_WINDOW));
  }

  /** The client's SETTINGS_HEADER_TABLE_SIZE, in bytes. */
  setMaxTableSize(bytes: number): void {
    this.#encoder.setMaxTableSize(bytes);
  }

  /** Whether we have reset that stream lately. */
  hasReset(id: number): boolean {
    return this.#resetIds.has(id);
  }

  // --- windows of the connection ---

  /** @throws {Http2CodecError} the window is larger than it may be */
  growSendWindow(bytes: number): void {
    this.sendWindow += bytes;
    if (this.sendWindow > LARGEST_WINDOW) {
      throw new Http2CodecError(FLOW_CONTROL_ERROR, `a window of ${this.sendWindow} bytes`);
    }
  }

  /** So many bytes have come in DATA. @throws {Http2CodecError} more than the window */
  received(bytes: number): void {
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) {
      throw new Http2CodecError(FLOW_CONTROL_ERROR, 'bodies beyond the window of the connection');
    }
  }

  credit(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed * 2 < CONNECTION_WINDOW || this.#closed) return;
    this.#output.write(windowUpdateFrame(0, this.#owed));
    this.#receiveWindow += this.#owed;
    this.#owed = 0;
  }

  // --- frames ---

  sendHead(id: number, status: number | null, fields: readonly string[], endStream: boolean): void {
    if (this.#closed) return;
    const room = HpackEncoder.roomFor(fields);
    // Room for the heads of the frames as well, should the block need several.
    const frames = Math.ceil(room / DEFAULT_FRAME_SIZE) + 1;
    const into = this.#output.reserve(room + frames * FRAME_HEAD);
    const at = this.#output.end;
    const end = this.#encoder.encode(status, fields, into, at + FRAME_HEAD);
    this.#output.advance(frameHeaderBlock(into, at, end, id, endStream, DEFAULT_FRAME_SIZE));
  }

  sendData(id: number, data: Buffer, from: number, to: number, endStream: boolean): void {
    if (!this.#closed) this.#output.writeData(id, data, from, to, endStream);
  }

  sendReset(id: number, code: number): void {
    if (this.#closed) return;
    this.#resetIds.add(id);
    if (this.#resetIds.size > MAX_RESET_IDS) this.#resetIds.delete(this.#resetIds.values().next().value!);
    this.control(resetFrame(id, code));
  }

  sendWindowUpdate(id: number, increment: number): void {
    if (!this.#closed) this.#output.write(windowUpdateFrame(id, increment));
  }

  /** A frame that the client has asked for, and must take. */
  control(frame: Buffer): void {
    if (this.#closed) return;
    this.#output.write(frame);
    if (this.#output.waiting > MAX_UNREAD) this.#events.onUnread();
  }

  // --- turns ---

  wantsTurn(stream: ServerStream): void {
    if (!stream.queued) {
      stream.queued = true;
      this.#turns.push(stream);
    }
    this.pump();
  }

  /** Lets streams send, a frame each in turn, while windows and the socket allow it. */
  pump(): void {
    if (this.#isPumping || this.#closed) return;
    this.#isPumping = true;
    while (this.#turns.length > 0 && this.sendWindow > 0 && this.#output.room) {
      const stream = this.#turns.shift()!;
      stream.queued = false;
      const bytes = stream.takeTurn(this.sendWindow); // which may let another stream send at once
      this.sendWindow -= bytes;
    }
    this.#isPumping = false;
  }

  onStreamClosed(stream: ServerStream, reset: boolean): void {
    this.#events.onStreamClosed(stream, reset);
  }

  // --- ending ---

  /** Hands what was gathered to the socket. */
  flush(): void {
    this.#output.flush();
  }

  /** Nothing goes any more, but for this frame. */
  close(last: Buffer | null): void {
    if (this.#closed) return;
    this.#closed = true;
    if (last === null) return;
    this.#output.write(last);
    this.#output.flush();
  }
}
