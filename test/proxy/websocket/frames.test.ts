// Frames as bytes: what is read of them, however they are cut, and what is written.

import { describe, expect, test } from '@jest/globals';
import { isWeirError } from '../../../src/errors.ts';
import {
  BINARY,
  closePayload,
  frameOf,
  FrameReader,
  PING,
  TEXT,
} from '../../../src/proxy/websocket/frames.ts';

/** Everything that a reader tells, as text. */
function read(pieces: readonly Buffer[], { masked = false, compresses = false } = {}): string[] {
  const told: string[] = [];
  let data: Buffer[] = [];
  const reader = new FrameReader(
    {
      onMessage: (opcode, compressed, length) =>
        void told.push(`message ${opcode}${compressed ? ' compressed' : ''} ${length}`),
      onData: (chunk) => void data.push(Buffer.from(chunk)),
      onMessageEnd: () => {
        told.push(`end ${Buffer.concat(data).toString('latin1')}`);
        data = [];
      },
      onControl: (opcode, payload) => void told.push(`control ${opcode} ${payload.toString('latin1')}`),
    },
    masked,
    compresses,
  );
  for (const piece of pieces) reader.push(Buffer.from(piece));
  return told;
}

const plain = { compressed: false, mask: false };
const frame = (opcode: number, text: string, final = true, mask = false): Buffer =>
  Buffer.concat(frameOf(Buffer.from(text), { opcode, final, compressed: false, mask }));

describe('a frame reader', () => {
  const stream = (mask: boolean): Buffer =>
    Buffer.concat([
      frame(TEXT, 'whole', true, mask),
      frame(BINARY, 'in ', false, mask),
      frame(PING, 'between', true, mask),
      frame(0, 'pieces', true, mask),
      frame(TEXT, 'x'.repeat(126), true, mask),
      frame(TEXT, 'y'.repeat(65_536), true, mask),
      frame(TEXT, '', true, mask),
    ]);
  const told = [
    ...['message 1 5', 'end whole', 'message 2 null', 'control 9 between', 'end in pieces'],
    ...['message 1 126', `end ${'x'.repeat(126)}`, 'message 1 65536', `end ${'y'.repeat(65_536)}`],
    ...['message 1 0', 'end '],
  ];

  test.each([false, true])('reads messages, fragments and control frames (masked: %s)', (masked) => {
    expect(read([stream(masked)], { masked })).toEqual(told);
  });

  test('reads the same byte by byte', () => {
    const bytes = stream(true);
    const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(read(pieces, { masked: true })).toEqual(told);
  });

  test('delivers nothing between stop and resume, and everything then', () => {
    const ends: number[] = [];
    let count = 0;
    const reader: FrameReader = new FrameReader(
      {
        ...{ onMessage() {}, onData() {}, onControl() {} },
        onMessageEnd: () => {
          ends.push(++count);
          reader.stop();
        },
      },
      false,
      false,
    );
    reader.push(Buffer.concat([frame(TEXT, 'one'), frame(TEXT, 'two'), frame(TEXT, 'three')]));
    expect(ends).toEqual([1]);
    reader.resume();
    expect(ends).toEqual([1, 2]);
    reader.push(frame(TEXT, 'four'));
    expect(ends).toEqual([1, 2]);
    reader.resume();
    reader.resume();
    expect(ends).toEqual([1, 2, 3, 4]);
  });

  const bytes = (...values: number[]): Buffer => Buffer.from(values);
  test.each([
    ['RSV2', bytes(0xa1, 0), {}, 1002],
    ['RSV1 where nothing is compressed', bytes(0xc1, 0), {}, 1002],
    ['RSV1 on a control frame', bytes(0xc9, 0), { compresses: true }, 1002],
    ['RSV1 on a continuation', bytes(0x01, 0, 0xc0, 0), { compresses: true }, 1002],
    ['an opcode that is not defined', bytes(0x83, 0), {}, 1002],
    ['a control opcode that is not defined', bytes(0x8b, 0), {}, 1002],
    ['a mask from a server', bytes(0x81, 0x80, 0, 0, 0, 0), {}, 1002],
    ['no mask from a client', bytes(0x81, 0), { masked: true }, 1002],
    ['a continuation of nothing', bytes(0x80, 0), {}, 1002],
    ['a message inside another', bytes(0x01, 0, 0x81, 0), {}, 1002],
    ['a Ping in fragments', bytes(0x09, 0), {}, 1002],
    ['a Ping of 126 bytes', bytes(0x89, 126, 0, 126), {}, 1002],
    ['a Close with one byte', bytes(0x88, 1, 3), {}, 1002],
    ['a frame longer than 2^53 bytes', bytes(0x82, 127, 0, 0x20, 0, 0, 0, 0, 0, 0), {}, 1009],
  ])('refuses %s', (_name, sent, options, closeCode) => {
    let thrown: unknown = null;
    try {
      read([sent], options);
    } catch (error) {
      thrown = error;
    }
    expect(isWeirError(thrown)).toBe(true);
    expect(thrown).toMatchObject({ code: 'ERR_WEBSOCKET_FRAME', fields: { closeCode } });
  });
});

describe('a frame that is written', () => {
  test('does not change the payload when it is masked', () => {
    const payload = Buffer.from('payload');
    const [bytes, more] = frameOf(payload, { ...plain, opcode: TEXT, final: true, mask: true });
    expect(more).toBeUndefined();
    expect(bytes!.subarray(0, 2)).toEqual(Buffer.from([0x81, 0x87]));
    expect(payload.toString()).toBe('payload');
    expect(read([bytes!], { masked: true })).toEqual(['message 1 7', 'end payload']);
  });

  test('cuts the reason of a Close between characters', () => {
    const payload = closePayload(1008, `${'a'.repeat(122)}é`);
    expect(payload.readUInt16BE(0)).toBe(1008);
    expect(payload.subarray(2).toString()).toBe('a'.repeat(122));
    expect(closePayload(1008, 'é'.repeat(61)).length).toBe(124);
  });
});
