// Frames out of bytes, however these are cut: what node's HTTP/2 (nghttp2) sends, and what nobody should.

import http2 from 'node:http2';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Http2CodecError } from '../../../src/http2/codec/codec-error.ts';
import type { FrameHandler } from '../../../src/http2/codec/frame-reader.ts';
import { FrameReader } from '../../../src/http2/codec/frame-reader.ts';
import { PREFACE } from '../../../src/http2/codec/frame-types.ts';
import { HpackEncoder } from '../../../src/http2/codec/hpack-encoder.ts';
import {
  frameHeaderBlock,
  goawayFrame,
  pingFrame,
  resetFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../../src/http2/codec/frame-writer.ts';
import { block, code, frame, get } from '../frame-client.ts';

const LIMITS = { listBytes: 64 * 1024, fields: 300, tableBytes: 4096 };

/** Writes down what comes; pieces of one DATA frame as one. */
class Notes implements FrameHandler {
  readonly lines: string[] = [];
  readonly heads: string[][] = [];
  #data = Buffer.alloc(0);
  #flow = 0;

  onHeaders(stream: number, fields: string[], endStream: boolean, tooLarge: boolean): void {
    this.#note('headers', stream, fields.join('|'), endStream, tooLarge);
    this.heads.push(fields);
  }
  onData(stream: number, data: Buffer, flowBytes: number, endStream: boolean): void {
    this.#data = Buffer.concat([this.#data, data]);
    this.#flow += flowBytes;
    if (endStream) this.lines.push(`data ${stream} ${this.#data.toString('hex')} ${this.#flow} end`);
  }
  onReset(...values: unknown[]): void {
    this.#note('reset', ...values);
  }
  onSettings(settings: unknown): void {
    this.#note('settings', JSON.stringify(settings));
  }
  onSettingsAck(): void {
    this.#note('settings ack');
  }
  onPing(data: Buffer, ack: boolean): void {
    this.#note('ping', data.toString('hex'), ack);
  }
  onGoaway(...values: unknown[]): void {
    this.#note('goaway', ...values);
  }
  onWindowUpdate(...values: unknown[]): void {
    this.#note('window', ...values);
  }
  onIgnored(type: number): void {
    this.#note('ignored', type);
  }
  #note(...values: unknown[]): void {
    this.lines.push(values.join(' '));
  }
}

/** What comes of bytes that are cut like that: notes, and the HTTP/2 error at their end. */
function read(bytes: Buffer, cuts: readonly number[] = []): string[] {
  const notes = new Notes();
  const reader = new FrameReader(notes, LIMITS);
  const ends = [...cuts, bytes.length].sort((a, b) => a - b);
  let at = 0;
  try {
    for (const end of ends) {
      if (end > at) reader.push(bytes.subarray(at, end));
      at = Math.max(at, end);
    }
  } catch (error) {
    if (!(error instanceof Http2CodecError)) throw error;
    notes.lines.push(String(error.fields['http2']));
  }
  return notes.lines;
}

const PADDED = 8;
const START = Buffer.concat([PREFACE, frame(4, 0, 0)]);
const after = (...frames: Buffer[]): Buffer => Buffer.concat([START, ...frames]);

const CONVERSATION = after(
  frame(4, 1, 0),
  frame(1, 4 | 32, 1, Buffer.concat([Buffer.from([0, 0, 0, 0, 15]), block(get('/a'))])),
  frame(2, 0, 1, Buffer.alloc(5)),
  frame(0, 0, 1, Buffer.from('first')),
  frame(0, PADDED, 1, Buffer.from([3, ...Buffer.from('pad'), 0, 0, 0])),
  frame(0, PADDED, 1, Buffer.from([2, 0, 0])),
  frame(
    1,
    1 | PADDED,
    3,
    Buffer.concat([Buffer.from([2]), block(get('/b')).subarray(0, 20), Buffer.alloc(2)]),
  ),
  frame(9, 0, 3, block(get('/b')).subarray(20, 40)),
  frame(9, 4, 3, block(get('/b')).subarray(40)),
  frame(99, 0, 5, Buffer.from('whatever')),
  frame(8, 0, 1, code(1000)),
  frame(6, 0, 0, Buffer.from('pingpong')),
  frame(0, 1, 1),
  frame(3, 0, 3, code(8)),
  frame(7, 0, 0, Buffer.concat([code(3), code(0), Buffer.from('bye')])),
);
const FIELDS = ':method|GET|:scheme|https|:authority|www.origin.test|:path|';

test('a conversation gives the same events however it is cut', () => {
  const expected = [
    'settings []',
    'settings ack',
    `headers 1 ${FIELDS}/a false false`,
    'ignored 2',
    `headers 3 ${FIELDS}/b true false`,
    'ignored 99',
    'window 1 1000',
    'ping 70696e67706f6e67 false',
    `data 1 ${Buffer.from('firstpad').toString('hex')} ${5 + 7 + 3} end`,
    'reset 3 8',
    'goaway 3 0',
  ];
  expect(read(CONVERSATION)).toEqual(expected);
  const each = Array.from({ length: CONVERSATION.length }, (_, at) => at);
  expect(read(CONVERSATION, each)).toEqual(expected);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: CONVERSATION.length }), { maxLength: 12 }), (cuts) => {
      expect(read(CONVERSATION, cuts)).toEqual(expected);
    }),
  );
});

test('a changed conversation gives events and at most one HTTP/2 error, never another', () => {
  const change = fc.record({
    at: fc.nat({ max: CONVERSATION.length - 1 }),
    to: fc.integer({ min: 0, max: 255 }),
    cut: fc.nat({ max: CONVERSATION.length }),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      const bytes = Buffer.from(CONVERSATION);
      for (const { at, to } of changes) bytes[at] = to;
      const cuts = changes.map(({ cut }) => cut);
      expect(read(bytes, cuts)).toEqual(read(bytes));
    }),
    { numRuns: 1000 },
  );
});

describe('against the rules of one frame', () => {
  test.each<[string, Buffer, string]>([
    ['another preface', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'PROTOCOL_ERROR'],
    ['another first frame', Buffer.concat([PREFACE, frame(6, 0, 0, Buffer.alloc(8))]), 'PROTOCOL_ERROR'],
    ['a frame that is too long', after(Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])), 'FRAME_SIZE_ERROR'],
    ['DATA on stream 0', after(frame(0, 0, 0)), 'PROTOCOL_ERROR'],
    ['DATA with too much padding', after(frame(0, PADDED, 1, Buffer.from([5, 0, 0]))), 'PROTOCOL_ERROR'],
    ['DATA with padding and nothing in it', after(frame(0, PADDED, 1)), 'PROTOCOL_ERROR'],
    ['HEADERS on stream 0', after(frame(1, 4, 0, block(get()))), 'PROTOCOL_ERROR'],
    ['HEADERS with too much padding', after(frame(1, 4 | PADDED, 1, Buffer.from([9, 1]))), 'PROTOCOL_ERROR'],
    ['SETTINGS on a stream', after(frame(4, 0, 1)), 'PROTOCOL_ERROR'],
    ['SETTINGS of five bytes', after(frame(4, 0, 0, Buffer.alloc(5))), 'FRAME_SIZE_ERROR'],
    ['an acknowledgement with settings', after(frame(4, 1, 0, Buffer.alloc(6))), 'FRAME_SIZE_ERROR'],
    ['PING of seven bytes', after(frame(6, 0, 0, Buffer.alloc(7))), 'FRAME_SIZE_ERROR'],
    ['PING on a stream', after(frame(6, 0, 1, Buffer.alloc(8))), 'PROTOCOL_ERROR'],
    ['RST_STREAM of three bytes', after(frame(3, 0, 1, Buffer.alloc(3))), 'FRAME_SIZE_ERROR'],
    ['RST_STREAM on stream 0', after(frame(3, 0, 0, code(0))), 'PROTOCOL_ERROR'],
    ['PRIORITY of four bytes', after(frame(2, 0, 1, Buffer.alloc(4))), 'FRAME_SIZE_ERROR'],
    ['PRIORITY on stream 0', after(frame(2, 0, 0, Buffer.alloc(5))), 'PROTOCOL_ERROR'],
    ['GOAWAY of seven bytes', after(frame(7, 0, 0, Buffer.alloc(7))), 'FRAME_SIZE_ERROR'],
    ['GOAWAY on a stream', after(frame(7, 0, 1, Buffer.alloc(8))), 'PROTOCOL_ERROR'],
    ['WINDOW_UPDATE of five bytes', after(frame(8, 0, 0, Buffer.alloc(5))), 'FRAME_SIZE_ERROR'],
    ['WINDOW_UPDATE of a stream, of three bytes', after(frame(8, 0, 1, Buffer.alloc(3))), 'FRAME_SIZE_ERROR'],
    ['PUSH_PROMISE', after(frame(5, 4, 1, block(get()))), 'PROTOCOL_ERROR'],
    ['CONTINUATION of nothing', after(frame(9, 4, 1, block(get()))), 'PROTOCOL_ERROR'],
    [
      'a header block that is interrupted',
      after(frame(1, 0, 1, block(get())), frame(6, 0, 0)),
      'PROTOCOL_ERROR',
    ],
    [
      'a header block that goes on elsewhere',
      after(frame(1, 0, 1, block(get())), frame(9, 4, 3)),
      'PROTOCOL_ERROR',
    ],
    ['a header block that is no HPACK', after(frame(1, 4, 1, Buffer.from([0x80]))), 'COMPRESSION_ERROR'],
    [
      'a header block in pieces without end',
      after(frame(1, 0, 1), ...Array.from({ length: 100 }, () => frame(9, 0, 1))),
      'ENHANCE_YOUR_CALM',
    ],
    [
      'a header block of megabytes',
      after(frame(1, 0, 1), ...Array.from({ length: 20 }, () => frame(9, 0, 1, Buffer.alloc(16_000)))),
      'ENHANCE_YOUR_CALM',
    ],
  ])('%s', (_, bytes, error) => {
    expect(read(bytes).at(-1)).toBe(error);
  });
});

test('what we write is what we read', () => {
  const fields = ['x-long', 'v'.repeat(40_000), 'x-short', 'w'];
  const into = Buffer.alloc(HpackEncoder.roomFor(fields) + 100);
  const end = new HpackEncoder().encode(200, fields, into, 9);
  const head = into.subarray(0, frameHeaderBlock(into, 0, end, 7, true, 16_384));
  const bytes = Buffer.concat([
    ...[PREFACE, settingsFrame([[3, 128]]), head, pingFrame(Buffer.from('12345678'), true)],
    ...[resetFrame(7, 5), windowUpdateFrame(0, 0x7fffffff), goawayFrame(7, 11)],
  ]);
  expect(read(bytes)).toEqual([
    'settings [[3,128]]',
    `headers 7 :status|200|${fields.join('|')} true false`,
    'ping 3132333435363738 true',
    'reset 7 5',
    'window 0 2147483647',
    'goaway 7 11',
  ]);
});

test("requests of node's client are read as they were meant, with every byte that a value may have", async () => {
  const notes = new Notes();
  const done = new Promise<void>((resolve) => {
    const server = net.createServer((socket) => {
      const reader = new FrameReader(notes, LIMITS);
      socket.on('data', (chunk: Buffer) => {
        reader.push(chunk);
        if (!notes.lines.some((line) => line.startsWith('data'))) return;
        socket.destroy();
        server.close(() => resolve());
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      session.on('error', () => {});
      for (let again = 0; again < 3; again++) {
        const stream = session.request({
          ':path': `/${again}`,
          ':method': 'POST',
          'x-all': ALL,
          'x-long': LONG,
        });
        stream.on('error', () => {});
        if (again === 2) stream.end('last');
      }
      void once(session, 'close');
    });
  });
  await done;
  expect(notes.heads.map((fields) => fields[fields.indexOf(':path') + 1])).toEqual(['/0', '/1', '/2']);
  for (const fields of notes.heads) {
    expect(fields[fields.indexOf('x-all') + 1]).toBe(ALL);
    expect(fields[fields.indexOf('x-long') + 1]).toBe(LONG);
  }
});
const BYTES = Array.from({ length: 256 }, (_, at) => String.fromCharCode(at)).join('');
const ALL = `x${BYTES.replaceAll(/[\0-\x1f\x7f]/g, '')}x`;
const LONG = 'ab'.repeat(9000);
