import { describe, expect, test } from '@jest/globals';
import { parseConfigText } from '../../src/config/document.ts';
import { ConfigProblemsError, type ConfigProblem } from '../../src/config/problems.ts';

function faultsOf(text: string): ConfigProblem[] {
  try {
    parseConfigText(text, 'weir.yaml');
  } catch (error) {
    if (error instanceof ConfigProblemsError) return error.problems;
    throw error;
  }
  throw new Error('was accepted');
}

describe('parseConfigText', () => {
  test('gives line and column of a syntax error', () => {
    expect(faultsOf('proxy:\n  listen: [a, b\nlog: {}\n')[0]).toMatchObject({
      code: 'ERR_CONFIG_SYNTAX',
      line: 3,
      column: 1,
    });
  });

  test('refuses a key that stands twice, at its second place', () => {
    expect(faultsOf('log: {}\nproxy: {}\nlog: {}\n')).toEqual([
      expect.objectContaining({ line: 3, column: 1, message: 'the key "log" stands here twice' }),
    ]);
  });

  test('refuses the key __proto__ at any depth', () => {
    expect(faultsOf('gateway:\n  services:\n    __proto__: {}\n')).toEqual([
      expect.objectContaining({ line: 3, column: 5, message: 'the key __proto__ is not allowed' }),
    ]);
  });

  test.each([
    ['unknown tags', 'log: !!js/function "x"'],
    ['a second document', 'log: {}\n---\nlog: {}\n'],
    ['keys that are lists', '? [a, b]\n: 1\n'],
    ['an alias without anchor', 'log: *nothing'],
    ['an alias that contains itself', 'log: &a { b: *a }'],
  ])('refuses %s', (_, text) => {
    expect(faultsOf(text)[0]).toMatchObject({ code: 'ERR_CONFIG_SYNTAX' });
  });

  test('refuses aliases that multiply beyond measure, quickly', () => {
    const levels = Array.from({ length: 30 }, (_, level) =>
      level === 0 ? 'a0: &a0 [x, x]' : `a${level}: &a${level} [*a${level - 1}, *a${level - 1}]`,
    );
    const started = performance.now();
    expect(faultsOf(levels.join('\n'))[0]?.message).toContain('alias');
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('allows a few aliases', () => {
    expect(parseConfigText('a: &x [1]\nb: *x\n', 'f').value).toEqual({ a: [1], b: [1] });
  });

  test.each([
    ['lists', '['.repeat(100_000)],
    ['maps', '{a: '.repeat(50_000)],
    ['block lists', '- '.repeat(100_000)],
    ['keys', '? '.repeat(100_000)],
  ])('refuses %s nested beyond measure', (_, text) => {
    expect(faultsOf(text)[0]).toMatchObject({
      code: 'ERR_CONFIG_SYNTAX',
      message: 'nested deeper than 100 levels',
    });
  });

  test('allows nesting that a configuration may have', () => {
    expect(parseConfigText(`${'['.repeat(50)}${']'.repeat(50)}`, 'f').value).toHaveLength(1);
  });

  test('tells a bounded number of faults', () => {
    expect(faultsOf('a: 1\n'.repeat(1000))).toHaveLength(10);
  });

  test('takes an empty file for null', () => {
    expect(parseConfigText('', 'f').value).toBeNull();
  });
});

describe('placeOf', () => {
  const document = parseConfigText(
    [
      'proxy:',
      '  listen: 127.0.0.1:1',
      '  certs:',
      'shared: &s',
      '  preview: 1',
      'x:',
      '  - *s',
      '  - { y: 2 }',
    ].join('\n'),
    'weir.yaml',
  );
  const at = (path: (string | number)[], atKey = false) => {
    const { line, column, path: text } = document.placeOf(path, atKey);
    return `${line}:${column} ${text}`;
  };

  test('finds values and keys', () => {
    expect(at(['proxy', 'listen'])).toBe('2:11 proxy.listen');
    expect(at(['proxy', 'listen'], true)).toBe('2:3 proxy.listen');
    expect(at(['x', 1, 'y'])).toBe('8:10 x[1].y');
  });

  test('follows aliases', () => {
    expect(at(['x', 0, 'preview'])).toBe('5:12 x[0].preview');
  });

  test('takes the key of a value that is not written', () => {
    expect(at(['proxy', 'certs'])).toBe('3:3 proxy.certs');
    expect(at(['proxy', 'certs', 'deeper'])).toBe('3:3 proxy.certs.deeper');
  });

  test('names a missing key at the section that lacks it', () => {
    expect(at(['x', 1, 'z'])).toBe('8:5 x[1].z');
  });

  test('ends at a short form, whose parts are not written', () => {
    expect(at(['proxy', 'listen', 0, 'listen'])).toBe('2:11 proxy.listen');
    expect(at(['proxy', 0, 'listen'])).toBe('2:11 proxy.listen');
  });

  test('is the beginning for an empty document', () => {
    expect(parseConfigText('', 'f').placeOf(['a'], false)).toEqual({ line: 1, column: 1, path: 'a' });
  });
});
