// A body that can be looked at, scanned or sent somewhere, and still be had back byte for byte.

import { fc, test as property } from '@fast-check/jest';
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { Body, collectBody } from '../../src/http/body.ts';
import type { BodySink } from '../../src/http/body.ts';
import { HeldBody } from '../../src/http/held-body.ts';
import type { SpoolOptions } from '../../src/http/spool.ts';
import { tempDir, tempDirForFile } from '../support/tempDir.ts';
import { eventually } from './support.ts';

const MEMORY: SpoolOptions = { memoryBytes: 1024 * 1024, folder: null };
const folder = await tempDirForFile('weir-held-');
const FILE: SpoolOptions = { memoryBytes: 0, folder };
const MAX = 64 * 1024 * 1024;

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

function previewOf(held: HeldBody, length: number, waitMs = 1000): Promise<string> {
  return new Promise((resolve) => {
    held.preview(length, waitMs, (chunks) => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

/** A sink that takes everything and notes it. */
function noting() {
  const seen = { text: '', ended: false, error: null as Error | null };
  const sink: BodySink = {
    onData(chunk) {
      seen.text += chunk.toString('latin1');
      return true;
    },
    onEnd: () => void (seen.ended = true),
    onError: (error) => void (seen.error = error),
  };
  return { seen, sink };
}

/** A producer that pushes as it is asked, a piece a turn; may end with trailers or an error. */
function arriving(pieces: readonly Buffer[], trailers: string[] = [], error: Error | null = null): Body {
  let at = 0;
  let running = false;
  const more = (): void => {
    running = false;
    if (at === pieces.length) {
      at++;
      if (error === null) body.end(trailers);
      else body.fail(error);
    }
    if (at > pieces.length) return;
    if (body.push(pieces[at++]!)) run();
  };
  const run = (): void => {
    if (running) return;
    running = true;
    setImmediate(more);
  };
  const body = new Body({ resume: run, cancel: () => (at = pieces.length + 1) });
  run();
  return body;
}

async function textOf(body: Body): Promise<string> {
  return (await collectBody(body, MAX)).toString('latin1');
}

describe('HeldBody', () => {
  describe('preview', () => {
    test('takes at most what is asked for and leaves the rest', async () => {
      const held = new HeldBody(Body.of(bytes('abcd'), bytes('efgh')), MEMORY);
      expect(await previewOf(held, 6)).toBe('abcdef');
      expect(held.previewIsAll).toBe(false);
      expect(await textOf(held.restream())).toBe('abcdefgh');
    });

    test('knows when it holds the whole body', async () => {
      const held = new HeldBody(Body.of(bytes('abcd')), MEMORY);
      expect(await previewOf(held, 4)).toBe('abcd');
      expect(held.previewIsAll).toBe(true);
    });

    test('of 0 bytes takes nothing', async () => {
      const held = new HeldBody(Body.of(bytes('abcd')), MEMORY);
      expect(await previewOf(held, 0)).toBe('');
      expect(await textOf(held.restream())).toBe('abcd');
    });

    test('waits until enough has come', async () => {
      const held = new HeldBody(arriving(['ab', 'cd', 'ef'].map(bytes)), MEMORY);
      expect(await previewOf(held, 5)).toBe('abcde');
    });

    test('goes on with less when the sender ends or pauses', async () => {
      const ended = new HeldBody(arriving([bytes('ab')]), MEMORY);
      expect(await previewOf(ended, 5)).toBe('ab');
      const source = new Body();
      source.push(bytes('ab'));
      source.stop();
      expect(await previewOf(new HeldBody(source, MEMORY), 5)).toBe('ab');
    });

    test('goes on with less when the time is up', async () => {
      const source = new Body();
      source.push(bytes('ab'));
      const held = new HeldBody(source, MEMORY);
      expect(await previewOf(held, 5, 10)).toBe('ab');
      source.push(bytes('cd'));
      source.end();
      expect(await textOf(held.restream())).toBe('abcd');
    });
  });

  describe.each([
    ['memory', MEMORY],
    ['a file', FILE],
  ])('hold in %s', (kind, options) => {
    test('keeps all bytes, gives them to look at and gives them back', async () => {
      const held = new HeldBody(arriving(['ab', 'cd', 'ef'].map(bytes), ['X', 'y']), options);
      await previewOf(held, 3);
      const content = await held.hold();
      expect(content.size).toBe(6);
      if (kind === 'memory') expect(content.memory!.toString()).toBe('abcdef');
      else expect(readFileSync(content.file!, 'latin1')).toBe('abcdef');
      const body = held.restream();
      expect(await textOf(body)).toBe('abcdef');
      expect(body.trailers).toEqual(['X', 'y']);
    });

    test('frees what it kept once the body was read back', async () => {
      const held = new HeldBody(arriving([bytes('ab')]), options);
      const { file } = await held.hold();
      await textOf(held.restream());
      if (file !== null) await eventually(() => !existsSync(file));
    });

    test('frees what it kept when the body is not wanted', async () => {
      const held = new HeldBody(arriving([bytes('ab')]), options);
      const { file } = await held.hold();
      held.restream().cancel();
      if (file !== null) await eventually(() => !existsSync(file));
    });

    test('rejects with the error of the body and keeps nothing', async () => {
      const held = new HeldBody(arriving([bytes('ab')], [], new Error('broken')), options);
      await expect(held.hold()).rejects.toThrow('broken');
      held.release();
      await eventually(() => filesIn(folder) === 0);
    });

    test('gives an empty body back as an empty body with its trailers', async () => {
      const held = new HeldBody(arriving([], ['X', 'y']), options);
      expect((await held.hold()).size).toBe(0);
      const body = held.restream();
      expect(await textOf(body)).toBe('');
      expect(body.trailers).toEqual(['X', 'y']);
    });
  });

  test('holds a body that is already complete in memory, whatever the bound', async () => {
    const held = new HeldBody(Body.of(bytes('ab'), bytes('cd')), FILE);
    await previewOf(held, 1);
    const content = await held.hold();
    expect([content.size, content.memory?.toString(), content.file]).toEqual([4, 'abcd', null]);
    expect(await textOf(held.restream())).toBe('abcd');
  });

  test('reports ERR_SPOOL when it cannot keep the body', async () => {
    await using place = await tempDir();
    const blocked = await place.write('file', 'x');
    const held = new HeldBody(arriving([bytes('ab'), bytes('cd')]), { memoryBytes: 1, folder: blocked });
    await expect(held.hold()).rejects.toMatchObject({ code: 'ERR_SPOOL' });
  });

  describe('forwardRest', () => {
    test('sends what follows the preview, and cannot be undone when nothing is kept', async () => {
      const held = new HeldBody(arriving(['abc', 'def'].map(bytes)), MEMORY);
      await previewOf(held, 2);
      const { seen, sink } = noting();
      held.forwardRest(sink, false);
      await eventually(() => seen.ended);
      expect([seen.text, held.intact]).toEqual(['cdef', false]);
      expect(() => held.restream()).toThrow(TypeError);
    });

    test('sends what follows the preview and keeps it', async () => {
      const held = new HeldBody(arriving(['abc', 'def'].map(bytes), ['X', 'y']), FILE);
      await previewOf(held, 2);
      const { seen, sink } = noting();
      held.forwardRest(sink, true);
      await eventually(() => seen.ended);
      expect(seen.text).toBe('cdef');
      const body = held.restream();
      expect(await textOf(body)).toBe('abcdef');
      expect(body.trailers).toEqual(['X', 'y']);
    });

    test('gives the sink nothing more once the body is streamed again', async () => {
      const source = new Body();
      const held = new HeldBody(source, MEMORY);
      const { seen, sink } = noting();
      held.forwardRest(sink, true);
      source.push(bytes('ab'));
      const body = held.restream();
      source.push(bytes('cd'));
      source.end(['X', 'y']);
      expect(await textOf(body)).toBe('abcd');
      expect(body.trailers).toEqual(['X', 'y']);
      expect([seen.text, seen.ended]).toEqual(['ab', false]);
    });

    test('gives everything back although the sink was full and the sender had finished', async () => {
      const source = new Body();
      for (const piece of ['ab', 'cd', 'ef', 'gh']) source.push(bytes(piece));
      source.end(['X', 'y']);
      const held = new HeldBody(source, MEMORY);
      held.forwardRest({ onData: () => false, onEnd() {}, onError() {} }, true);
      const body = held.restream();
      expect(await textOf(body)).toBe('abcdefgh');
      expect(body.trailers).toEqual(['X', 'y']);
    });

    test('tells the stream that goes on when the sender breaks off', async () => {
      const source = new Body();
      const held = new HeldBody(source, MEMORY);
      held.forwardRest(noting().sink, true);
      source.push(bytes('ab'));
      const read = textOf(held.restream());
      source.fail(new Error('broken'));
      await expect(read).rejects.toThrow('broken');
    });

    test('tells a stream that is asked for after the sender broke off', async () => {
      const source = new Body();
      const held = new HeldBody(source, FILE);
      held.forwardRest(noting().sink, true);
      source.push(bytes('ab'));
      source.fail(new Error('broken'));
      await expect(textOf(held.restream())).rejects.toThrow('broken');
      await eventually(() => filesIn(folder) === 0);
    });

    test('tells the sender when the stream that goes on is not wanted', () => {
      let cancelled: Error | null = null;
      const source = new Body({ resume() {}, cancel: (reason) => (cancelled = reason) });
      const held = new HeldBody(source, MEMORY);
      held.forwardRest(noting().sink, true);
      source.push(bytes('ab'));
      const reason = new Error('not wanted');
      held.restream().cancel(reason);
      expect(cancelled).toBe(reason);
    });

    test('goes on without the original once that is not needed', async () => {
      const source = new Body();
      const held = new HeldBody(source, FILE);
      const { seen, sink } = noting();
      held.forwardRest(sink, true);
      source.push(bytes('ab'));
      held.stopKeeping();
      source.push(bytes('cd'));
      source.end();
      expect([seen.text, seen.ended, held.intact]).toEqual(['abcd', true, false]);
      await eventually(() => filesIn(folder) === 0);
    });
  });

  test('release tells the sender and removes the file', async () => {
    let cancelled = false;
    const source = new Body({ resume() {}, cancel: () => (cancelled = true) });
    const held = new HeldBody(source, FILE);
    held.forwardRest(noting().sink, true);
    source.push(bytes('ab'));
    held.release();
    expect(cancelled).toBe(true);
    await eventually(() => filesIn(folder) === 0);
  });

  const pieces = fc.array(
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((piece) => Buffer.from(piece)),
    { maxLength: 12 },
  );

  property.prop([pieces, fc.boolean(), fc.nat(60), fc.nat(200)], { numRuns: 60 })(
    'gives the original back after any preview',
    async (chunks, complete, length, memoryBytes) => {
      const original = Buffer.concat(chunks).toString('latin1');
      const source = complete ? Body.of(...chunks) : arriving(chunks, ['X', 'y']);
      const held = new HeldBody(source, { memoryBytes, folder });
      expect(await previewOf(held, length)).toBe(original.slice(0, length));
      const body = held.restream();
      expect(await textOf(body)).toBe(original);
      expect(body.trailers).toEqual(complete ? [] : ['X', 'y']);
    },
  );

  property.prop(
    [
      pieces,
      fc.boolean(),
      fc.nat(30),
      fc.nat(200),
      fc.nat(12),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
    ],
    { numRuns: 150 },
  )(
    'gives the original back in the middle of sending it, however full the sink was',
    async (chunks, complete, length, memoryBytes, stopAfter, rooms) => {
      const original = Buffer.concat(chunks).toString('latin1');
      const source = complete ? Body.of(...chunks) : arriving(chunks, ['X', 'y']);
      const held = new HeldBody(source, { memoryBytes, folder });
      const preview = await previewOf(held, length);
      let sent = '';
      let calls = 0;
      let done = (): void => {};
      const stopped = new Promise<void>((resolve) => (done = resolve));
      const resume = held.forwardRest(
        {
          onData(chunk) {
            sent += chunk.toString('latin1');
            const room = rooms[calls++ % rooms.length]!;
            if (calls >= stopAfter) {
              done();
              return false;
            }
            if (!room) setImmediate(() => resume());
            return room;
          },
          onEnd: () => done(),
          onError: () => done(),
        },
        true,
      );
      if (stopAfter === 0) done();
      await stopped;
      const body = held.restream();
      expect(await textOf(body)).toBe(original);
      expect(body.trailers).toEqual(complete ? [] : ['X', 'y']);
      expect(original.startsWith(preview + sent)).toBe(true);
    },
  );
});

/** Spool files below the folder. */
function filesIn(path: string): number {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.body'))
    .length;
}
