// The frames that a client sends, out of its bytes as they come: checks what concerns one frame alone, joins
// header blocks and decodes them, and hands on DATA in the pieces in which it arrives. States of streams and
// windows are the connection's affair. Pure and incremental. RFC 9113 §3.4, §4, §6.

import { ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, Http2CodecError, PROTOCOL_ERROR } from './codec-error.ts';
import {
  ACK,
  CONTINUATION,
  DATA,
  DEFAULT_FRAME_SIZE,
  END_HEADERS,
  END_STREAM,
  FRAME_HEAD,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  WITH_PRIORITY,
} from './frame-types.ts';
import type { HpackLimits } from './hpack-decoder.ts';
import { HpackDecoder } from './hpack-decoder.ts';

export type Setting = readonly [id: number, value: number];

export interface FrameHandler {
  /**
   * A header section, of a request or of trailers.
   * @param fields  name, value, name, value, … in latin-1; cut short where `tooLarge`
   */
  onHeaders(stream: number, fields: string[], endStream: boolean, tooLarge: boolean): void;
  /**
   * A piece of a DATA frame: a slice of what was read.
   * @param flowBytes  what it takes of the windows, padding included
   * @param endStream  with the last piece only
   */
  onData(stream: number, data: Buffer, flowBytes: number, endStream: boolean): void;
  onReset(stream: number, code: number): void;
  onSettings(settings: readonly Setting[]): void;
  onSettingsAck(): void;
  /** @param data  eight bytes, good for the call only */
  onPing(data: Buffer, ack: boolean): void;
  onGoaway(lastStream: number, code: number): void;
  /** @param increment  0 is against the rules; for a stream that is its own affair (RFC 9113 §6.9) */
  onWindowUpdate(stream: number, increment: number): void;
  /** A frame that means nothing here: priorities, types that nobody knows. */
  onIgnored(type: number): void;
}

export interface FrameReaderLimits extends HpackLimits {
  /** Bytes of table that the peer may use: our SETTINGS_HEADER_TABLE_SIZE. */
  readonly tableBytes: number;
}

const MAX_CONTINUATIONS = 64;
const NOTHING = Buffer.alloc(0);

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #hpack: HpackDecoder;
  readonly #maxBlock: number;
  readonly #head = Buffer.alloc(FRAME_HEAD);
  #headBytes = 0;
  #prefaceAt = 0;
  #settled = false; // the first frame, SETTINGS, has come
  // The frame under way.
  #type = 0;
  #flags = 0;
  #stream = 0;
  /** Payload of a frame that came in pieces, DATA aside. */
  #frame: Buffer | null = null;
  #frameBytes = 0;
  // DATA under way.
  #dataLeft = -1; // -1: none
  #padLeft = 0;
  #padOverhead = 0;
  #padUnknown = false;
  // A header block under way.
  #block: Buffer[] = [];
  #blockBytes = 0;
  #blockStream = 0; // 0: none
  #blockEndsStream = false;

  constructor(handler: FrameHandler, limits: FrameReaderLimits) {
    this.#handler = handler;
    this.#hpack = new HpackDecoder(limits.tableBytes, limits);
    this.#maxBlock = Math.max(limits.listBytes, DEFAULT_FRAME_SIZE);
  }

  /**
   * Reads what has come; the handler is called for each frame within it.
   * @throws {Http2CodecError} the connection cannot go on; nothing may be pushed any more
   */
  push(chunk: Buffer): void {
    let at = this.#prefaceAt < PREFACE.length ? this.#readPreface(chunk) : 0;
    while (at < chunk.length) {
      if (this.#dataLeft >= 0) at = this.#readData(chunk, at);
      else if (this.#frame !== null) at = this.#fillFrame(chunk, at);
      else if (this.#headBytes > 0 || chunk.length - at < FRAME_HEAD) at = this.#fillHead(chunk, at);
      else {
        this.#readHead(chunk, at);
        at = this.#begin(chunk, at + FRAME_HEAD);
      }
    }
  }

  #readPreface(chunk: Buffer): number {
    const length = Math.min(PREFACE.length - this.#prefaceAt, chunk.length);
    const expected = PREFACE.subarray(this.#prefaceAt, this.#prefaceAt + length);
    if (!expected.equals(chunk.subarray(0, length))) throw broken('not the preface of HTTP/2');
    this.#prefaceAt += length;
    return length;
  }

  // --- frame by frame ---

  #fillHead(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + FRAME_HEAD - this.#headBytes);
    this.#headBytes += chunk.copy(this.#head, this.#headBytes, at, end);
    if (this.#headBytes < FRAME_HEAD) return end;
    this.#headBytes = 0;
    this.#readHead(this.#head, 0);
    return this.#begin(chunk, end);
  }

  #readHead(bytes: Buffer, at: number): void {
    this.#frameBytes = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#type = bytes[at + 3]!;
    this.#flags = bytes[at + 4]!;
    this.#stream =
      ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    if (this.#frameBytes > DEFAULT_FRAME_SIZE) {
      throw new Http2CodecError(FRAME_SIZE_ERROR, `a frame of ${this.#frameBytes} bytes`);
    }
    if (!this.#settled && (this.#type !== SETTINGS || (this.#flags & ACK) !== 0)) {
      throw broken('the first frame is not SETTINGS');
    }
    this.#settled = true;
    if (this.#blockStream === 0 ? this.#type === CONTINUATION : this.#type !== CONTINUATION) {
      throw broken('a header block that another frame interrupts, or CONTINUATION of none');
    }
  }

  /** The payload begins at `at`. @returns where to go on */
  #begin(chunk: Buffer, at: number): number {
    const length = this.#frameBytes;
    if (this.#type === DATA) return this.#beginData(chunk, at);
    if (chunk.length - at >= length) {
      this.#dispatch(chunk.subarray(at, at + length));
      return at + length;
    }
    this.#frame = Buffer.allocUnsafeSlow(length);
    this.#frameBytes = 0;
    return at;
  }

  #fillFrame(chunk: Buffer, at: number): number {
    const frame = this.#frame!;
    const end = Math.min(chunk.length, at + frame.length - this.#frameBytes);
    this.#frameBytes += chunk.copy(frame, this.#frameBytes, at, end);
    if (this.#frameBytes < frame.length) return end;
    this.#frame = null;
    this.#dispatch(frame);
    return end;
  }

  #dispatch(payload: Buffer): void {
    switch (this.#type) {
      case HEADERS:
        return this.#headers(payload);
      case CONTINUATION:
        return this.#continuation(payload);
      case PRIORITY:
        this.#mustBe(this.#stream !== 0, payload.length === 5, 'PRIORITY');
        return this.#handler.onIgnored(PRIORITY);
      case RST_STREAM:
        this.#mustBe(this.#stream !== 0, payload.length === 4, 'RST_STREAM');
        return this.#handler.onReset(this.#stream, payload.readUInt32BE(0));
      case SETTINGS:
        return this.#settings(payload);
      case PUSH_PROMISE:
        throw broken('PUSH_PROMISE from a client');
      case PING:
        this.#mustBe(this.#stream === 0, payload.length === 8, 'PING');
        return this.#handler.onPing(payload, (this.#flags & ACK) !== 0);
      case GOAWAY:
        this.#mustBe(this.#stream === 0, payload.length >= 8, 'GOAWAY');
        return this.#handler.onGoaway(payload.readUInt32BE(0) & 0x7fffffff, payload.readUInt32BE(4));
      case WINDOW_UPDATE:
        this.#mustBe(true, payload.length === 4, 'WINDOW_UPDATE');
        return this.#handler.onWindowUpdate(this.#stream, payload.readUInt32BE(0) & 0x7fffffff);
      default:
        return this.#handler.onIgnored(this.#type);
    }
  }

  /** RFC 9113 §6.3, §6.4, §6.7–§6.9. */
  #mustBe(onRightStream: boolean, ofRightSize: boolean, name: string): void {
    if (!onRightStream) throw broken(`${name} on stream ${this.#stream}`);
    if (!ofRightSize) throw new Http2CodecError(FRAME_SIZE_ERROR, `${name} of a wrong size`);
  }

  #settings(payload: Buffer): void {
    if (this.#stream !== 0) throw broken('SETTINGS on a stream');
    const isAck = (this.#flags & ACK) !== 0;
    if (isAck ? payload.length > 0 : payload.length % 6 !== 0) {
      throw new Http2CodecError(FRAME_SIZE_ERROR, `SETTINGS of ${payload.length} bytes`);
    }
    if (isAck) return this.#handler.onSettingsAck();
    const settings: Setting[] = [];
    for (let at = 0; at < payload.length; at += 6) {
      settings.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]);
    }
    this.#handler.onSettings(settings);
  }

  // --- header blocks ---

  #headers(payload: Buffer): void {
    if (this.#stream === 0) throw broken('HEADERS on stream 0');
    const flags = this.#flags;
    let from = 0;
    let to = payload.length;
    if ((flags & PADDED) !== 0) {
      from = 1;
      to -= payload[0] ?? 0;
    }
    if ((flags & WITH_PRIORITY) !== 0) from += 5;
    if (from > to) throw broken('HEADERS with more padding than there is room');
    this.#blockEndsStream = (flags & END_STREAM) !== 0;
    const fragment = payload.subarray(from, to);
    if ((flags & END_HEADERS) !== 0) return this.#decode(this.#stream, fragment);
    this.#blockStream = this.#stream;
    this.#keep(fragment);
  }

  #continuation(payload: Buffer): void {
    if (this.#stream !== this.#blockStream) throw broken('CONTINUATION of another stream');
    this.#keep(payload);
    if ((this.#flags & END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#block, this.#blockBytes);
    this.#blockStream = 0;
    this.#block = [];
    this.#blockBytes = 0;
    this.#decode(this.#stream, block);
  }

  #keep(fragment: Buffer): void {
    this.#blockBytes += fragment.length;
    if (this.#block.push(Buffer.from(fragment)) > MAX_CONTINUATIONS || this.#blockBytes > this.#maxBlock) {
      throw new Http2CodecError(ENHANCE_YOUR_CALM, 'a header block without end');
    }
  }

  #decode(stream: number, block: Buffer): void {
    const { fields, tooLarge } = this.#hpack.decode(block);
    this.#handler.onHeaders(stream, fields, this.#blockEndsStream, tooLarge);
  }

  // --- DATA ---

  #beginData(chunk: Buffer, at: number): number {
    if (this.#stream === 0) throw broken('DATA on stream 0');
    this.#dataLeft = this.#frameBytes;
    this.#padLeft = 0;
    this.#padOverhead = 0;
    this.#padUnknown = (this.#flags & PADDED) !== 0;
    if (this.#padUnknown && this.#dataLeft === 0) throw broken('DATA with padding and no room for it');
    // What has no payload is done with its head, and no further byte may come.
    return this.#dataLeft === 0 || at < chunk.length ? this.#readData(chunk, at) : at;
  }

  #readData(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#padUnknown) {
      this.#padUnknown = false;
      this.#padLeft = chunk[at++]!;
      this.#padOverhead = this.#padLeft + 1;
      this.#dataLeft -= this.#padOverhead;
      if (this.#dataLeft < 0) throw broken('DATA with more padding than there is room');
      if (at === chunk.length && this.#dataLeft + this.#padLeft > 0) return at;
    }
    const size = Math.min(this.#dataLeft, chunk.length - at);
    const piece = size === 0 ? NOTHING : chunk.subarray(at, at + size);
    at += size;
    this.#dataLeft -= size;
    const padding = Math.min(this.#padLeft, chunk.length - at);
    at += padding;
    this.#padLeft -= padding;
    const isLast = this.#dataLeft === 0 && this.#padLeft === 0;
    if (isLast) this.#dataLeft = -1;
    const overhead = isLast ? this.#padOverhead : 0;
    if (isLast || size > 0) {
      const ends = isLast && (this.#flags & END_STREAM) !== 0;
      this.#handler.onData(this.#stream, piece, size + overhead, ends);
    }
    return at;
  }
}

function broken(what: string): Http2CodecError {
  return new Http2CodecError(PROTOCOL_ERROR, what);
}
