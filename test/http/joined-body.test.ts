import { describe, expect, test } from '@jest/globals';
import { BODY_HIGH_WATER, Body, collectBody } from '../../src/http/body.ts';
import { joinBodies } from '../../src/http/joined-body.ts';

const of = (...chunks: string[]): Body => Body.of(...chunks.map((chunk) => Buffer.from(chunk)));
const text = async (body: Body): Promise<string> => (await collectBody(body, 1024 * 1024)).toString();

test.each([
  ['prefix and all of the rest', 'ab', ['cd', 'ef'], 0, 'abcdef'],
  ['prefix and the rest from inside a chunk', 'ab', ['cd', 'ef'], 1, 'abdef'],
  ['prefix and the rest from the edge of a chunk', 'ab', ['cd', 'ef'], 2, 'abef'],
  ['prefix and the last byte', 'ab', ['cd', 'ef'], 3, 'abf'],
  ['nothing of the rest at its end', 'ab', ['cd', 'ef'], 4, 'ab'],
  ['nothing of the rest past its end', 'ab', ['cd', 'ef'], 99, 'ab'],
  ['no prefix', null, ['cd', 'ef'], 3, 'f'],
  ['an empty prefix', '', ['cd', 'ef'], 0, 'cdef'],
  ['an empty rest', 'ab', [], 0, 'ab'],
])('gives %s', async (_, prefix, rest, from, expected) => {
  const joined = joinBodies(prefix === null ? null : of(prefix), of(...rest), from);
  expect(joined.ended ? joined.pushedBytes : joined.declaredLength).toBe(expected.length);
  expect(await text(joined)).toBe(expected);
});

test('is the rest itself where nothing stands before it and nothing is left out', () => {
  const rest = of('all');
  expect(joinBodies(null, rest, 0)).toBe(rest);
});

test('copies nothing: the chunks lie in the memory of their bodies', () => {
  const memory = Buffer.alloc(10_000, 'x');
  const joined = joinBodies(of('p'), Body.of(memory), 9_000);
  const [, tail] = joined.take(2000);
  expect([tail!.buffer, tail!.byteOffset]).toEqual([memory.buffer, memory.byteOffset + 9_000]);
});

test('carries the trailers of the rest', async () => {
  const rest = new Body();
  rest.end(['X-Sum', '1']);
  const joined = joinBodies(of('ab'), rest, 0);
  await text(joined);
  expect(joined.trailers).toEqual(['X-Sum', '1']);
});

test('says no length while that of the rest is unknown', () => {
  const rest = new Body();
  expect(joinBodies(of('ab'), rest, 3).declaredLength).toBeNull();
  expect(joinBodies(of('ab'), new Body(undefined, 10), 3).declaredLength).toBe(9);
});

describe('flow', () => {
  /** A body whose producer writes down what it is told. */
  function watched(): { body: Body; told: string[] } {
    const told: string[] = [];
    const source = { resume: () => void told.push('resume'), cancel: () => void told.push('cancel') };
    return { body: new Body(source), told };
  }

  test('a slow consumer slows first the prefix, then the rest', () => {
    const prefix = watched();
    const rest = watched();
    const joined = joinBodies(prefix.body, rest.body, 0);
    expect(prefix.body.push(Buffer.alloc(BODY_HIGH_WATER))).toBe(false);
    const sizes: number[] = [];
    joined.consume({ onData: (chunk) => sizes.push(chunk.length) < 0, onEnd() {}, onError() {} });
    joined.resume();
    expect(prefix.told).toEqual(['resume']);
    prefix.body.end();
    expect(rest.body.push(Buffer.alloc(7))).toBe(false);
    joined.resume();
    expect(rest.told).toEqual(['resume']);
    expect(sizes).toEqual([BODY_HIGH_WATER, 7]);
  });

  test('a consumer that gives up cancels both', () => {
    const prefix = watched();
    const rest = watched();
    joinBodies(prefix.body, rest.body, 0).cancel();
    expect([prefix.told, rest.told]).toEqual([['cancel'], ['cancel']]);
  });

  test.each(['prefix', 'rest'] as const)('a %s that breaks off breaks the whole off', async (which) => {
    const prefix = watched();
    const rest = watched();
    const joined = joinBodies(prefix.body, rest.body, 0);
    prefix.body.push(Buffer.from('start'));
    if (which === 'rest') prefix.body.end();
    (which === 'rest' ? rest : prefix).body.fail(new Error('gone'));
    await expect(text(joined)).rejects.toThrow('gone');
    if (which === 'prefix') expect(rest.told).toEqual(['cancel']);
  });
});
