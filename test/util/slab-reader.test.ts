import { describe, expect, test } from '@jest/globals';
import { SlabReader } from '../../src/util/slab-reader.ts';

/** Plays node: fills the room that the reader offers, as `onread` does. */
function feeder(reader: SlabReader) {
  let room = reader.onread.buffer();
  return (bytes: Buffer): void => {
    expect(room.length).toBeGreaterThanOrEqual(bytes.length);
    room.set(bytes);
    reader.onread.callback(bytes.length);
    room = reader.onread.buffer();
  };
}

const RECORD = 16 * 1024;

describe('SlabReader', () => {
  test('hands small reads on at once', () => {
    const reader = new SlabReader();
    const feed = feeder(reader);
    const got: string[] = [];
    reader.sink = (bytes) => got.push(bytes.toString());
    feed(Buffer.from('one'));
    feed(Buffer.from('two'));
    expect(got).toEqual(['one', 'two']);
  });

  test('keeps what came before there was a sink', () => {
    const reader = new SlabReader();
    feeder(reader)(Buffer.from('early'));
    const got: string[] = [];
    reader.sink = (bytes) => got.push(bytes.toString());
    expect(got).toEqual(['early']);
  });

  test('joins full records and hands them on with the one that is not full', () => {
    const reader = new SlabReader();
    const feed = feeder(reader);
    const sizes: number[] = [];
    reader.sink = (bytes) => sizes.push(bytes.length);
    feed(Buffer.alloc(RECORD, 'a'));
    feed(Buffer.alloc(RECORD, 'b'));
    expect(sizes).toEqual([]);
    feed(Buffer.from('end'));
    expect(sizes).toEqual([2 * RECORD + 3]);
  });

  test('hands full records on at the end of the turn when nothing follows', async () => {
    const reader = new SlabReader();
    const feed = feeder(reader);
    const sizes: number[] = [];
    const handed = new Promise<void>((resolve) => {
      reader.sink = (bytes) => {
        sizes.push(bytes.length);
        resolve();
      };
    });
    feed(Buffer.alloc(RECORD));
    await handed;
    expect(sizes).toEqual([RECORD]);
  });

  test('leaves bytes under a lease as they are, however much is read after them', () => {
    const reader = new SlabReader();
    const feed = feeder(reader);
    const lease = reader.lease();
    const kept: Buffer[] = [];
    reader.sink = (bytes) => {
      kept.push(bytes);
      lease.touch();
    };
    const sent = Array.from({ length: 60 }, (_, i) => Buffer.alloc(5000, i));
    for (const piece of sent) feed(piece);
    expect(Buffer.concat(kept).equals(Buffer.concat(sent))).toBe(true);
  });

  test('writes a slab anew once its leases are released', () => {
    const reader = new SlabReader();
    const feed = feeder(reader);
    let lease = reader.lease();
    const memory = new Set<ArrayBufferLike>();
    reader.sink = (bytes) => {
      memory.add(bytes.buffer);
      lease.touch();
    };
    for (let i = 0; i < 200; i++) {
      feed(Buffer.alloc(5000, i));
      lease.release();
      lease = reader.lease();
    }
    expect(memory.size).toBeLessThanOrEqual(3);
  });
});
