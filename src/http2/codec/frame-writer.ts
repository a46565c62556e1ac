// Frames as bytes, each written into a buffer that has room for it. RFC 9113 §4.1, §6.

import {
  ACK,
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  FRAME_HEAD,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './frame-types.ts';
import type { Setting } from './frame-reader.ts';

/** Writes a frame's head. @returns where its payload begins */
export function writeFrameHead(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  into[at] = length >>> 16;
  into[at + 1] = (length >>> 8) & 0xff;
  into[at + 2] = length & 0xff;
  into[at + 3] = type;
  into[at + 4] = flags;
  into[at + 5] = stream >>> 24;
  into[at + 6] = (stream >>> 16) & 0xff;
  into[at + 7] = (stream >>> 8) & 0xff;
  into[at + 8] = stream & 0xff;
  return at + FRAME_HEAD;
}

/**
 * Makes a header block that stands behind room for one frame head into HEADERS, with CONTINUATION frames
 * where it is longer than a frame may be; those move the rest of the block, so that room is needed behind it.
 *
 * @param at  where the head goes; the block begins {@link FRAME_HEAD} bytes later
 * @param end  where the block ends
 * @returns where the last frame ends
 */
export function frameHeaderBlock(
  into: Buffer,
  at: number,
  end: number,
  stream: number,
  endStream: boolean,
  maxFrame: number,
): number {
  let head = at;
  let last = end;
  let type = HEADERS;
  let flags = endStream ? END_STREAM : 0;
  while (last - head - FRAME_HEAD > maxFrame) {
    writeFrameHead(into, head, maxFrame, type, flags, stream);
    head += FRAME_HEAD + maxFrame;
    into.copyWithin(head + FRAME_HEAD, head, last);
    last += FRAME_HEAD;
    type = CONTINUATION;
    flags = 0;
  }
  writeFrameHead(into, head, last - head - FRAME_HEAD, type, flags | END_HEADERS, stream);
  return last;
}

export function settingsFrame(settings: readonly Setting[]): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD + settings.length * 6);
  let at = writeFrameHead(frame, 0, settings.length * 6, SETTINGS, 0, 0);
  for (const [id, value] of settings) {
    at = frame.writeUInt16BE(id, at);
    at = frame.writeUInt32BE(value, at);
  }
  return frame;
}

export const SETTINGS_ACK_FRAME = ((): Buffer => {
  const frame = Buffer.alloc(FRAME_HEAD);
  writeFrameHead(frame, 0, 0, SETTINGS, ACK, 0);
  return frame;
})();

/** @param data  eight bytes */
export function pingFrame(data: Buffer, ack: boolean): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD + 8);
  data.copy(frame, writeFrameHead(frame, 0, 8, PING, ack ? ACK : 0, 0), 0, 8);
  return frame;
}

export function goawayFrame(lastStream: number, code: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD + 8);
  frame.writeUInt32BE(code, frame.writeUInt32BE(lastStream, writeFrameHead(frame, 0, 8, GOAWAY, 0, 0)));
  return frame;
}

export function resetFrame(stream: number, code: number): Buffer {
  return frameOfWord(RST_STREAM, stream, code);
}

/** @param stream  0 for the connection's window */
export function windowUpdateFrame(stream: number, increment: number): Buffer {
  return frameOfWord(WINDOW_UPDATE, stream, increment);
}

function frameOfWord(type: number, stream: number, word: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD + 4);
  frame.writeUInt32BE(word, writeFrameHead(frame, 0, 4, type, 0, stream));
  return frame;
}
