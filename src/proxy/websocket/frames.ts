// WebSocket frames as bytes, both ways and without a socket: a reader that takes bytes as they come and stops
// in the middle of them when told to, and a writer. Lengths are not bounded here, since nothing is kept; what a
// message may be is the lane's affair (lane.ts). RFC 6455 §5.

import { randomFillSync } from 'node:crypto';
import { HttpError } from '../../errors.ts';

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export const NORMAL_CLOSURE = 1000;
export const PROTOCOL_ERROR = 1002;
/** Nobody sends it: what one knows of a connection that ended without Close. */
export const ABNORMAL_CLOSURE = 1006;
export const INVALID_DATA = 1007;
export const GOING_AWAY = 1001;
export const POLICY_VIOLATION = 1008;
export const MESSAGE_TOO_BIG = 1009;
export const INTERNAL_ERROR = 1011;

const FIN = 0x80;
const RSV1 = 0x40;
const RSV2_AND_3 = 0x30;
const MASK = 0x80;
const MAX_CONTROL = 125; // bytes of payload
const MAX_REASON = 123; // bytes of a Close behind its code

export type DataOpcode = typeof TEXT | typeof BINARY;

/** What is wrong with a peer's frames; `closeCode` says what it is told. */
export function brokenFrame(what: string, closeCode = PROTOCOL_ERROR): HttpError {
  return new HttpError('ERR_WEBSOCKET_FRAME', what, { closeCode });
}

export interface FrameSink {
  /**
   * A message begins.
   * @param length  bytes of payload as sent, where it comes in one frame; else null
   */
  onMessage(opcode: DataOpcode, compressed: boolean, length: number | null): void;
  /** Payload of the message, unmasked, as sent: it may be compressed. */
  onData(chunk: Buffer): void;
  onMessageEnd(): void;
  /** A Close, Ping or Pong, also between the frames of a message. */
  onControl(opcode: number, payload: Buffer): void;
}

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #masked: boolean;
  readonly #compresses: boolean;
  #bytes: Buffer = NOTHING; // not parsed yet
  #stopped = false;
  #running = false;
  /** Payload left of the frame; null: its head is next. */
  #left: number | null = null;
  #opcode = 0;
  #final = false;
  #inMessage = false;
  readonly #mask = Buffer.alloc(4);
  #maskAt = 0;
  #control: Buffer[] = [];

  /**
   * @param masked  whether frames are masked, which those of clients must be, and no others
   * @param compresses  permessage-deflate was agreed on
   */
  constructor(sink: FrameSink, masked: boolean, compresses: boolean) {
    this.#sink = sink;
    this.#masked = masked;
    this.#compresses = compresses;
  }

  /** Stops after the event that is being delivered, until `resume()`. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws {HttpError} `ERR_WEBSOCKET_FRAME` */
  resume(): void {
    this.#stopped = false;
    this.#run();
  }

  /**
   * Takes bytes, which may be changed in place. Those behind a stop wait.
   * @throws {HttpError} `ERR_WEBSOCKET_FRAME`
   */
  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    this.#run();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#stopped) {
        if (this.#left === null ? !this.#readHead() : !this.#readPayload(this.#left)) break;
      }
    } finally {
      this.#running = false;
    }
  }

  /** @returns false where more bytes are needed */
  #readHead(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    const short = bytes[1]! & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (bytes[1]! & MASK) !== 0;
    this.#check(bytes[0]!, short, masked);
    const size = 2 + lengthBytes + (masked ? 4 : 0);
    if (bytes.length < size) return false;
    let length = short;
    if (lengthBytes === 2) length = bytes.readUInt16BE(2);
    else if (lengthBytes === 8) {
      const high = bytes.readUInt32BE(2);
      if (high > 0x1fffff) throw brokenFrame('a frame is longer than 2^53 bytes', MESSAGE_TOO_BIG);
      length = high * 2 ** 32 + bytes.readUInt32BE(6);
    }
    if (masked) bytes.copy(this.#mask, 0, size - 4, size);
    this.#maskAt = 0;
    this.#bytes = bytes.subarray(size);
    this.#left = length;
    const opcode = bytes[0]! & 0x0f;
    this.#opcode = opcode;
    this.#final = (bytes[0]! & FIN) !== 0;
    if (opcode === TEXT || opcode === BINARY) {
      this.#inMessage = true;
      this.#sink.onMessage(opcode, (bytes[0]! & RSV1) !== 0, this.#final ? length : null);
    }
    return true;
  }

  #check(first: number, length: number, masked: boolean): void {
    const opcode = first & 0x0f;
    const isData = opcode === TEXT || opcode === BINARY;
    if ((first & RSV2_AND_3) !== 0) throw brokenFrame('RSV2 or RSV3 is set');
    if ((first & RSV1) !== 0 && !(this.#compresses && isData)) throw brokenFrame('RSV1 is set');
    if (masked !== this.#masked) throw brokenFrame(masked ? 'a server masks' : 'a client does not mask');
    if (opcode > BINARY && opcode !== CLOSE && opcode !== PING && opcode !== PONG) {
      throw brokenFrame(`there is no opcode ${opcode}`);
    }
    if (opcode === CONTINUATION && !this.#inMessage) throw brokenFrame('a continuation of nothing');
    if (isData && this.#inMessage) throw brokenFrame('a message inside another');
    if (opcode < CLOSE) return;
    if ((first & FIN) === 0) throw brokenFrame('a control frame in pieces');
    if (length > MAX_CONTROL) throw brokenFrame(`a control frame of more than ${MAX_CONTROL} bytes`);
    if (opcode === CLOSE && length === 1) throw brokenFrame('a Close with half a code');
  }

  #readPayload(left: number): boolean {
    if (left > 0) {
      if (this.#bytes.length === 0) return false;
      const chunk = this.#bytes.subarray(0, left);
      this.#bytes = this.#bytes.subarray(chunk.length);
      this.#left = left - chunk.length;
      if (this.#masked) this.#maskAt = applyMask(chunk, this.#mask, this.#maskAt);
      if (this.#opcode >= CLOSE) this.#control.push(chunk);
      else this.#sink.onData(chunk);
      return true;
    }
    this.#left = null;
    if (this.#opcode >= CLOSE) {
      const payload = this.#control.length === 1 ? this.#control[0]! : Buffer.concat(this.#control);
      this.#control = [];
      this.#sink.onControl(this.#opcode, payload);
    } else if (this.#final) {
      this.#inMessage = false;
      this.#sink.onMessageEnd();
    }
    return true;
  }
}

export interface FrameOptions {
  readonly opcode: number;
  readonly final: boolean;
  readonly compressed: boolean;
  /** The payload is masked, in a copy, as clients must. */
  readonly mask: boolean;
}

/** A frame as one or two buffers; the payload itself is the second where it is not masked. */
export function frameOf(payload: Buffer, { opcode, final, compressed, mask }: FrameOptions): Buffer[] {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const size = 2 + lengthBytes + (mask ? 4 : 0);
  const head = Buffer.allocUnsafe(mask ? size + length : size);
  head[0] = opcode | (final ? FIN : 0) | (compressed ? RSV1 : 0);
  head[1] = (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127) | (mask ? MASK : 0);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  else if (lengthBytes === 8) {
    head.writeUInt16BE(0, 2);
    head.writeUIntBE(length, 4, 6);
  }
  if (!mask) return length === 0 ? [head] : [head, payload];
  const key = head.subarray(size - 4, size);
  nextMask(key);
  payload.copy(head, size);
  applyMask(head.subarray(size), key, 0);
  return [head];
}

/** Masks are drawn in advance: asking for each costs more than masking a small message. */
const POOL = Buffer.alloc(4096);
let poolAt = POOL.length;

function nextMask(key: Buffer): void {
  if (poolAt === POOL.length) {
    randomFillSync(POOL);
    poolAt = 0;
  }
  POOL.copy(key, 0, poolAt, poolAt + 4);
  poolAt += 4;
}

/** Payload of a Close. @param reason  cut at what fits, between characters */
export function closePayload(code: number, reason: string): Buffer {
  let text = Buffer.from(reason);
  if (text.length > MAX_REASON) {
    let end = MAX_REASON;
    while ((text[end]! & 0xc0) === 0x80) end--;
    text = text.subarray(0, end);
  }
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2);
  return payload;
}

/** XORs in place. @returns where in the mask the next byte is */
function applyMask(bytes: Buffer, mask: Buffer, at: number): number {
  const { length } = bytes;
  if ((mask[0]! | mask[1]! | mask[2]! | mask[3]!) === 0) return at;
  for (let i = 0; i < length; i++) bytes[i]! ^= mask[(at + i) & 3]!;
  return (at + length) & 3;
}

const NOTHING = Buffer.alloc(0);
