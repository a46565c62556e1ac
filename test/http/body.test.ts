// The body between one producer and one consumer: order, demand, endings. No sockets: a producer is a
// plain object that notes what it was told.

import { fc, test as property } from '@fast-check/jest';
import { describe, expect, test } from '@jest/globals';
import { BODY_HIGH_WATER, Body, collectBody } from '../../src/http/body.ts';

/** A producer that counts what the body tells it. */
function producer() {
  const told = { resumed: 0, cancelled: [] as Error[] };
  const source = { resume: () => void told.resumed++, cancel: (e: Error) => void told.cancelled.push(e) };
  return { told, source };
}

/** A consumer that notes everything; `room` decides what onData returns. */
function consumer(room: () => boolean = () => true) {
  const seen: string[] = [];
  const sink = {
    onData(chunk: Buffer) {
      seen.push(chunk.toString());
      return room();
    },
    onEnd: (trailers: string[]) => void seen.push(['end', ...trailers].join(' ')),
    onError: (error: Error) => void seen.push(`error ${error.message}`),
  };
  return { seen, sink };
}

const bytes = (text: string): Buffer => Buffer.from(text);

describe('Body', () => {
  test('delivers what was queued, then what comes, then the end with its trailers', () => {
    const body = new Body();
    const { seen, sink } = consumer();
    body.push(bytes('a'));
    body.push(bytes('b'));
    body.consume(sink);
    body.push(bytes('c'));
    body.end(['X', 'y']);
    expect(seen).toEqual(['a', 'b', 'c', 'end X y']);
    expect([body.settled, body.pushedBytes, body.queuedBytes]).toEqual([true, 3, 0]);
  });

  test('delivers a body that was complete before anybody came', () => {
    const { seen, sink } = consumer();
    Body.of(bytes('a'), bytes(''), bytes('b')).consume(sink);
    expect(seen).toEqual(['a', 'b', 'end']);
  });

  test('stops its producer at the high-water mark while nobody consumes, and wakes it when all is taken', () => {
    const { told, source } = producer();
    const body = new Body(source);
    expect(body.push(Buffer.alloc(BODY_HIGH_WATER - 1))).toBe(true);
    expect(body.push(Buffer.alloc(1))).toBe(false);
    expect(told.resumed).toBe(0);
    body.consume(consumer().sink);
    expect(told.resumed).toBe(1);
    expect(body.push(bytes('x'))).toBe(true);
  });

  test('stops its producer when the consumer is full, and wakes it only when the rest was taken', () => {
    const { told, source } = producer();
    const body = new Body(source);
    let room = false;
    const { seen, sink } = consumer(() => room);
    body.consume(sink);
    expect(body.push(bytes('a'))).toBe(false);
    expect(body.push(bytes('b'))).toBe(false);
    expect(body.push(bytes('c'))).toBe(false);
    expect(seen).toEqual(['a']);
    body.resume();
    expect(seen).toEqual(['a', 'b']);
    expect(told.resumed).toBe(0);
    room = true;
    body.resume();
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(told.resumed).toBe(1);
  });

  test('delivers the end right behind the last chunk, since it needs no room', () => {
    const body = new Body();
    const { seen, sink } = consumer(() => false);
    body.consume(sink);
    body.push(bytes('a'));
    body.push(bytes('b'));
    body.end();
    expect(seen).toEqual(['a']);
    body.resume();
    expect(seen).toEqual(['a', 'b', 'end']);
  });

  test('ignores a resume that nobody waits for', () => {
    const { told, source } = producer();
    const body = new Body(source);
    body.consume(consumer().sink);
    body.resume();
    expect(told.resumed).toBe(0);
  });

  test('tells a stopped producer to go on when the consumer wants more', () => {
    const { told, source } = producer();
    const body = new Body(source);
    body.push(bytes('preview'));
    body.stop();
    expect(told.resumed).toBe(0);
    body.consume(consumer().sink);
    expect(told.resumed).toBe(1);
  });

  test('tells a producer that stops to go on at once when the consumer waits already', () => {
    const { told, source } = producer();
    const body = new Body(source);
    body.consume(consumer().sink);
    body.stop();
    expect(told.resumed).toBe(1);
  });

  test('does not wake a producer that stopped while its consumer is full', () => {
    const { told, source } = producer();
    const body = new Body(source);
    body.consume(consumer(() => false).sink);
    body.push(bytes('a'));
    body.stop();
    expect(told.resumed).toBe(0);
    body.resume();
    expect(told.resumed).toBe(1);
  });

  test('keeps the order when a producer pushes from inside the delivery', () => {
    const body = new Body();
    const seen: string[] = [];
    body.push(bytes('a'));
    body.push(bytes('b'));
    body.consume({
      onData(chunk) {
        seen.push(chunk.toString());
        if (seen.length === 1) {
          body.push(bytes('c'));
          body.end();
        }
        return true;
      },
      onEnd: () => void seen.push('end'),
      onError: () => {},
    });
    expect(seen).toEqual(['a', 'b', 'c', 'end']);
  });

  test('drops what is queued and tells the consumer once when it fails', () => {
    const body = new Body();
    const { seen, sink } = consumer(() => false);
    body.consume(sink);
    body.push(bytes('a'));
    body.push(bytes('b'));
    body.fail(new Error('broken'));
    body.fail(new Error('again'));
    body.push(bytes('c'));
    body.end();
    body.resume();
    expect(seen).toEqual(['a', 'error broken']);
    expect([body.queuedBytes, body.error?.message, body.ended]).toEqual([0, 'broken', true]);
  });

  test('tells a consumer that comes after the failure', () => {
    const body = new Body();
    body.push(bytes('a'));
    body.fail(new Error('broken'));
    const { seen, sink } = consumer();
    body.consume(sink);
    expect(seen).toEqual(['error broken']);
  });

  test('does not fail after its end', () => {
    const body = new Body();
    body.end();
    body.fail(new Error('too late'));
    expect(body.error).toBeNull();
  });

  test('tells its producer once when nobody wants it, and drops what still comes', () => {
    const { told, source } = producer();
    const body = new Body(source);
    const { seen, sink } = consumer();
    body.consume(sink);
    body.push(bytes('a'));
    const reason = new Error('not wanted');
    body.cancel(reason);
    body.cancel(new Error('again'));
    expect(body.push(bytes('b'))).toBe(true);
    body.end();
    body.fail(new Error('late'));
    expect(told.cancelled).toEqual([reason]);
    expect(seen).toEqual(['a']);
    expect([body.settled, body.error]).toEqual([true, reason]);
  });

  test('does not bother a producer that has delivered everything', () => {
    const { told, source } = producer();
    const body = new Body(source);
    body.push(bytes('a'));
    body.end();
    body.cancel();
    expect(told.cancelled).toEqual([]);
    expect(body.queuedBytes).toBe(0);
  });

  test('delivers nothing more when its consumer cancels inside the delivery', () => {
    const body = new Body();
    const seen: string[] = [];
    body.push(bytes('a'));
    body.push(bytes('b'));
    body.end();
    body.consume({
      onData(chunk) {
        seen.push(chunk.toString());
        body.cancel();
        return true;
      },
      onEnd: () => void seen.push('end'),
      onError: () => void seen.push('error'),
    });
    expect(seen).toEqual(['a']);
  });

  test('has one consumer', () => {
    const body = new Body();
    body.consume(consumer().sink);
    expect(() => body.consume(consumer().sink)).toThrow(TypeError);
    expect(() => body.unshift([bytes('a')])).toThrow(TypeError);
  });

  test('gives its first bytes without a consumer, and takes them back', () => {
    const body = Body.of(bytes('abc'), bytes('def'), bytes('gh'));
    const first = body.take(4);
    expect(first.map(String)).toEqual(['abc', 'd']);
    expect(body.queuedBytes).toBe(4);
    body.unshift(first);
    expect(body.take(100).map(String)).toEqual(['abc', 'd', 'ef', 'gh']);
    expect([body.queuedBytes, body.take(1)]).toEqual([0, []]);
  });

  describe('is ready', () => {
    test('at once when enough waits', () => {
      const body = new Body();
      body.push(bytes('abcd'));
      let ready = 0;
      body.whenReady(4, () => ready++);
      expect(ready).toBe(1);
    });

    test('once enough has come, and only once', () => {
      const body = new Body();
      let ready = 0;
      body.whenReady(4, () => ready++);
      body.push(bytes('abc'));
      expect(ready).toBe(0);
      body.push(bytes('de'));
      body.push(bytes('fghij'));
      expect(ready).toBe(1);
    });

    test.each([
      ['ends', (body: Body) => body.end()],
      ['fails', (body: Body) => body.fail(new Error('broken'))],
      ['is cancelled', (body: Body) => body.cancel()],
      ['is stopped by its producer', (body: Body) => body.stop()],
      ['is full', (body: Body) => void body.push(Buffer.alloc(BODY_HIGH_WATER))],
    ])('with less when it %s', (_, happen) => {
      const body = new Body();
      let ready = 0;
      body.whenReady(BODY_HIGH_WATER * 2, () => ready++);
      expect(ready).toBe(0);
      happen(body);
      expect(ready).toBe(1);
    });
  });

  property.prop([
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 30 }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
    fc.nat(30),
  ])('delivers the same bytes however it is pushed and paused', (chunks, rooms, attachAt) => {
    let resumed = 0;
    const body = new Body({ resume: () => resumed++, cancel() {} });
    const got: Buffer[] = [];
    let ended = false;
    let call = 0;
    const sink = {
      onData(chunk: Buffer) {
        got.push(chunk);
        return rooms[call++ % rooms.length]!;
      },
      onEnd: () => void (ended = true),
      onError: () => {},
    };
    chunks.forEach((chunk, i) => {
      if (i === attachAt) body.consume(sink);
      body.push(Buffer.from(chunk));
    });
    if (attachAt >= chunks.length) body.consume(sink);
    body.end();
    for (let i = 0; i <= chunks.length && !ended; i++) body.resume();
    expect(Buffer.concat(got)).toEqual(Buffer.concat(chunks));
    expect(ended).toBe(true);
  });
});

describe('collectBody', () => {
  test('gives the whole body', async () => {
    expect((await collectBody(Body.of(bytes('ab'), bytes('c')), 3)).toString()).toBe('abc');
  });

  test('rejects and cancels past its bound', async () => {
    const { told, source } = producer();
    const body = new Body(source);
    const collected = collectBody(body, 2);
    body.push(bytes('ab'));
    body.push(bytes('c'));
    await expect(collected).rejects.toMatchObject({ code: 'ERR_HTTP_FRAMING' });
    expect(told.cancelled).toHaveLength(1);
  });

  test('rejects with the error of the body', async () => {
    const body = new Body();
    const collected = collectBody(body, 2);
    body.fail(new Error('broken'));
    await expect(collected).rejects.toThrow('broken');
  });

  test('a consumer of a body that was cancelled before learns so at once', () => {
    const body = new Body();
    body.push(Buffer.from('x'));
    body.cancel(new Error('given up'));
    const seen: string[] = [];
    body.consume({
      onData: () => true,
      onEnd: () => void seen.push('end'),
      onError: (error) => void seen.push(error.message),
    });
    expect(seen).toEqual(['given up']);
  });
});
