// How much of a body goes ahead of its verdict, and how it ends. Time is the object's own clock, moved by
// calling onDeadline as the sweep would.

import { describe, expect, test } from '@jest/globals';
import type { WeirError } from '../../../src/errors.ts';
import { Body } from '../../../src/http/body.ts';
import { HeldBody } from '../../../src/http/held-body.ts';
import { releasable, Trickle } from '../../../src/proxy/patience/trickle.ts';
import { Deadlines } from '../../../src/util/deadlines.ts';

const KiB = 1024;

describe('what may be sent before the verdict', () => {
  test.each([
    ['nothing has come', 0, 1000, 64, 0],
    ['of a body of one byte nothing', 1, 1, 64, 0],
    ['of a small body half at most', 100, 100, 64, 50],
    ['of a body of twice the tail half', 128, 128, 64, 64],
    ['of a long body all but the tail', 1000, 1000, 64, 936],
    ['no more than has come', 10, 1000, 64, 10],
    ['of unknown length: half of what has come', 100, null, 64, 50],
    ['of unknown length: all but a tail of what has come', 1000, null, 64, 936],
    ['with a tail of one byte, all but the last', 1000, 1000, 1, 999],
  ])('%s', (_, received, length, tail, expected) => {
    expect(releasable(received, length, tail)).toBe(expected);
  });

  test('never shrinks while a body of unknown length grows', () => {
    let before = 0;
    for (let received = 0; received < 500; received++) {
      const now = releasable(received, null, 64);
      expect(now).toBeGreaterThanOrEqual(before);
      expect(now).toBeLessThan(Math.max(received, 1));
      before = now;
    }
  });
});

function bytesOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) & 0xff));
}

/** A held body whose first bytes can be seen, as while an ICAP server has them. */
async function held(bytes: Buffer): Promise<HeldBody> {
  const body = new HeldBody(Body.of(bytes));
  await body.hold();
  return body;
}

/** What a client has got of it. */
function received(body: Body) {
  let over = (): void => {};
  const ending = new Promise<void>((resolve) => (over = resolve));
  const seen = { bytes: Buffer.alloc(0), error: null as WeirError | null, ended: false, ending };
  body.consume({
    onData: (chunk) => ((seen.bytes = Buffer.concat([seen.bytes, chunk])), true),
    onEnd: () => {
      seen.ended = true;
      over();
    },
    onError: (error) => {
      seen.error = error as WeirError;
      over();
    },
  });
  return seen;
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function started(content: Buffer, tailBytes = 64) {
  const source = await held(content);
  const deadlines = new Deadlines();
  const trickle = new Trickle(source, { deadlines, rateBytes: KiB * KiB, tailBytes, length: content.length });
  const client = received(trickle.body);
  const giveUpAt = performance.now() + 4000;
  // The clock has to move a little for there to be something to send.
  while (trickle.sent < 100 && performance.now() < giveUpAt) {
    trickle.onDeadline();
    await turns();
  }
  return { trickle, client, source };
}

describe('a trickle', () => {
  test('is the beginning of the body, and never its end', async () => {
    const content = bytesOf(3000);
    const { trickle, client } = await started(content);
    for (let i = 0; i < 50; i++) {
      trickle.onDeadline();
      await turns();
    }
    expect(client.bytes.length).toBe(trickle.sent);
    expect(client.bytes.equals(content.subarray(0, trickle.sent))).toBe(true);
    expect(trickle.sent).toBeLessThanOrEqual(3000 - 64);
    expect(client).toMatchObject({ ended: false, error: null });
    trickle.cut({ code: 'ERR_ABORTED' } as WeirError);
  });

  test('goes on with the rest when the verdict is there', async () => {
    const content = bytesOf(3000);
    const { trickle, client, source } = await started(content);
    trickle.finish(source.restream());
    await turns();
    expect(client.bytes.equals(content)).toBe(true);
    expect(client).toMatchObject({ ended: true, error: null });
  });

  test('goes on with another body that begins the same', async () => {
    const { trickle, client } = await started(bytesOf(3000));
    const changed = bytesOf(3000);
    changed[2999] = 0;
    trickle.finish(Body.of(changed.subarray(0, 10), changed.subarray(10)));
    expect(client.bytes.equals(changed)).toBe(true);
    expect(client.ended).toBe(true);
  });

  test.each([
    ['begins otherwise', Body.of(Buffer.concat([Buffer.from('X'), bytesOf(3000).subarray(1)]))],
    ['is shorter than what was sent', Body.of(Buffer.from([0]))],
    ['is gone', null],
  ])('breaks off when the body now %s', async (_, final) => {
    const { trickle, client } = await started(bytesOf(3000));
    const { sent } = trickle;
    trickle.finish(final);
    expect(client.error?.code).toBe('ERR_PATIENCE_MODIFIED');
    expect(client.bytes.length).toBe(sent);
    expect(client.ended).toBe(false);
  });

  test('breaks off with the reason that it is given, and sends nothing after it', async () => {
    const { trickle, client, source } = await started(bytesOf(3000));
    trickle.cut({ code: 'ERR_PATIENCE_BLOCKED' } as WeirError);
    const { length } = client.bytes;
    trickle.onDeadline();
    await turns();
    expect(client.error?.code).toBe('ERR_PATIENCE_BLOCKED');
    expect(client.bytes.length).toBe(length);
    source.release();
  });

  test('reads from another copy where another service has the message now', async () => {
    const content = bytesOf(3000);
    const { trickle, client, source } = await started(content);
    const next = new HeldBody(source.restream());
    trickle.goOnWith(next);
    await next.hold();
    const { sent } = trickle;
    const giveUpAt = performance.now() + 4000;
    while (trickle.sent === sent && performance.now() < giveUpAt) {
      trickle.onDeadline();
      await turns();
    }
    expect(trickle.sent).toBeGreaterThan(sent);
    trickle.finish(next.restream());
    await turns();
    expect(client.bytes.equals(content)).toBe(true);
  });

  test('a client that does not read gets no more', async () => {
    const source = await held(bytesOf(200_000));
    const options = { deadlines: new Deadlines(), rateBytes: KiB * KiB, tailBytes: 64, length: 200_000 };
    const trickle = new Trickle(source, options);
    let taken = 0;
    trickle.body.consume({
      onData: (chunk) => ((taken += chunk.length), false),
      onEnd: () => {},
      onError: () => {},
    });
    const giveUpAt = performance.now() + 4000;
    while (taken === 0 && performance.now() < giveUpAt) {
      trickle.onDeadline();
      await turns();
    }
    const { sent } = trickle;
    for (let i = 0; i < 20; i++) {
      trickle.onDeadline();
      await turns();
    }
    expect(trickle.sent).toBe(sent);
    trickle.body.cancel();
  });
});

describe('looking at a held body', () => {
  test.each([
    ['in memory', { memoryBytes: 1_000_000, folder: null }],
    ['in a file', { memoryBytes: 100, folder: null }],
  ])('%s shows any part of what is kept and uses nothing up', async (_, options) => {
    const content = bytesOf(5000);
    const source = new Body({ resume() {}, cancel() {} }, 5000);
    const body = new HeldBody(source, options);
    const whole = body.hold();
    source.push(content.subarray(0, 3000));
    expect(body.keptBytes).toBe(3000);
    expect((await body.peek(0, 2)).equals(content.subarray(0, 2))).toBe(true);
    expect((await body.peek(1000, 1500)).equals(content.subarray(1000, 2500))).toBe(true);
    expect((await body.peek(2999, 10)).equals(content.subarray(2999, 3000))).toBe(true);
    expect(await body.peek(3000, 10)).toHaveLength(0);
    source.push(content.subarray(3000));
    source.end();
    expect((await whole).size).toBe(5000);
    expect((await body.peek(2990, 20)).equals(content.subarray(2990, 3010))).toBe(true);
    const seen = received(body.restream());
    await seen.ending;
    expect(body.keptBytes).toBe(0);
    expect(await body.peek(0, 10)).toHaveLength(0);
    expect(seen.bytes.equals(content)).toBe(true);
  });

  test('shows nothing of what was given up, and what its successor keeps after another attempt', async () => {
    const content = bytesOf(500);
    const body = await held(content);
    const next = body.renewed();
    await next.hold();
    expect((await body.peek(10, 5)).equals(content.subarray(10, 15))).toBe(true);
    body.release();
    expect(body.keptBytes).toBe(0);
    expect(await body.peek(0, 5)).toHaveLength(0);
  });
});
