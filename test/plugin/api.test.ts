import { describe, expect, test } from '@jest/globals';
import { allow, block, definePlugin, isPlugin, modify, PLUGIN_API_VERSION } from '../../src/plugin/api.ts';

const setup = () => {};

describe('definePlugin', () => {
  test('returns what it is given, marked as a plugin', () => {
    const plugin = definePlugin({ name: 'my-plugin', version: '1.0.0', setup });
    expect(plugin).toMatchObject({ name: 'my-plugin', version: '1.0.0', setup });
    expect(isPlugin(plugin)).toBe(true);
  });

  test('marks it with the version of the API, so that another copy of the package knows it', () => {
    const plugin = definePlugin({ name: 'p', version: '1', setup }) as unknown as Record<symbol, unknown>;
    expect(plugin[Symbol.for('weir.plugin')]).toBe(PLUGIN_API_VERSION);
  });

  test.each([
    ['name', { version: '1', setup }],
    ['name', { name: 'Capital', version: '1', setup }],
    ['name', { name: '-dash', version: '1', setup }],
    ['version', { name: 'p', setup }],
    ['setup', { name: 'p', version: '1' }],
  ])('refuses a definition whose %s is missing or wrong', (what, definition) => {
    expect(() => definePlugin(definition as never)).toThrow(`definePlugin: \`${what}\``);
  });
});

describe('isPlugin', () => {
  test.each([[null], [undefined], ['plugin'], [setup], [{}], [{ name: 'p', version: '1', setup }]])(
    'is false for %p',
    (value) => {
      expect(isPlugin(value)).toBe(false);
    },
  );

  test('is true for a definition that another copy of the package has marked', () => {
    expect(isPlugin({ [Symbol.for('weir.plugin')]: 1 })).toBe(true);
  });
});

describe('verdicts', () => {
  test('allow says why something was not scanned only when it was not', () => {
    expect(allow()).toEqual({ kind: 'allow' });
    expect('notScanned' in allow()).toBe(false);
    expect(allow('encrypted')).toEqual({ kind: 'allow', notScanned: 'encrypted' });
  });

  test('block is of high severity unless told otherwise', () => {
    expect(block({ threat: 'EICAR', reason: 'found' })).toEqual({
      kind: 'block',
      threat: 'EICAR',
      severity: 'high',
      reason: 'found',
    });
    expect(block({ threat: 'x', reason: 'y', severity: 'low' }).severity).toBe('low');
  });

  test('modify carries only what changes', () => {
    const body = Buffer.from('new');
    expect(modify({ body })).toEqual({ kind: 'modify', body });
    expect(modify({ headers: ['A', 'b'] })).toEqual({ kind: 'modify', headers: ['A', 'b'] });
    expect(modify({ prefix: body, keepFrom: 7 })).toEqual({ kind: 'modify', prefix: body, keepFrom: 7 });
  });

  test.each([
    [{ body: Buffer.from('x'), prefix: Buffer.from('y') }, 'either `body`'],
    [{ body: Buffer.from('x'), keepFrom: 1 }, 'either `body`'],
    [{ keepFrom: -1 }, 'byte offset'],
    [{ keepFrom: 1.5 }, 'byte offset'],
  ])('modify refuses %j', (change, reason) => {
    expect(() => modify(change)).toThrow(reason);
  });
});
