import { symlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { entryOf, HostList, readHostList } from '../../../src/proxy/tls-policy/host-list.ts';
import { type TempDir, tempDir } from '../../support/tempDir.ts';

let folder: TempDir;
beforeAll(async () => {
  folder = await tempDir('host-list-');
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

describe('a list', () => {
  test('has exact names, .domain with all below, and *.domain with what is below alone', async () => {
    const text = '# banks\n\nwww.one.test\r\n .two.test \n*.three.test\nFour.Test\n10.0.0.1\n2001:DB8::1\n';
    const list = await readHostList(await folder.write('kinds', text));
    expect(list.size).toBe(6);
    const inside = [
      'www.one.test',
      'two.test',
      'a.b.two.test',
      'a.three.test',
      'four.test',
      '10.0.0.1',
      '2001:db8::1',
    ];
    const outside = [
      'one.test',
      'a.www.one.test',
      'eviltwo.test',
      'three.test',
      '',
      '.',
      'test',
      '#',
      '10.0.0.2',
    ];
    expect(inside.filter((host) => !list.has(host))).toEqual([]);
    expect(outside.filter((host) => list.has(host))).toEqual([]);
  });

  test('takes international names, a byte order mark, a trailing dot, and no end of line at the end', async () => {
    const list = await readHostList(
      await folder.write('names', '\ufeffb\u00fccher.test\nend.test.\n.\u00e4.test'),
    );
    expect(['xn--bcher-kva.test', 'end.test', 'www.xn--4ca.test'].filter((host) => !list.has(host))).toEqual(
      [],
    );
  });

  test('that is empty has nothing', async () => {
    const list = await readHostList(await folder.write('empty', ''));
    expect(list.size).toBe(0);
    expect(list.has('a.test')).toBe(false);
  });

  test('agrees with a set, whatever is in it', () => {
    const label = fc.stringMatching(/^[a-c]{1,2}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
    const entry = fc.tuple(fc.constantFrom('', '.', '*.'), name).map(([dots, host]) => dots + host);
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40 }), name, (entries, host) => {
        const list = new HostList(entries.length, entries.join('').length);
        for (const each of entries) expect(list.add(each)).toBe(true);
        const above = host.split('.').map((_, at, labels) => labels.slice(at).join('.'));
        const expected =
          entries.includes(host) ||
          above.some((each) => entries.includes(`.${each}`)) ||
          above.slice(1).some((each) => entries.includes(`*.${each}`));
        expect(list.trim().has(host)).toBe(expected);
        expect(list.size).toBe(new Set(entries).size);
      }),
      { numRuns: 500 },
    );
  });

  test('read in pieces is the list read whole, also where names are cut', async () => {
    const names = Array.from({ length: 20_000 }, (_, n) => `host-${n}.${'x'.repeat(n % 40)}y.test`);
    const list = await readHostList(await folder.write('many', names.join('\n')));
    expect(list.size).toBe(names.length);
    expect(names.filter((host) => !list.has(host))).toEqual([]);
    expect(list.has('host-20000.y.test')).toBe(false);
    expect(list.bytes / list.size).toBeLessThan(60);
  });
});

describe('what is wrong is said with its line', () => {
  test.each([
    ['two words', 'a.test\n0.0.0.0 b.test\n', 'two:2: expected a host', 'two'],
    ['a URL', 'https://a.test/\n', 'url:1: expected a host', 'url'],
    ['a name with an empty label', '\n\na..test\n', 'label:3: expected a host', 'label'],
    ['a pattern in the middle', 'a.*.test\n', 'middle:1: expected a host', 'middle'],
    ['control characters, escaped', 'a\u001b[31m\n', '\\x1b', 'control'],
    ['a line without end', 'a'.repeat(200_000), 'over 1024 bytes', 'line'],
  ])('%s', async (_, text, message, name) => {
    const path = await folder.write(name, text);
    await expect(readHostList(path)).rejects.toMatchObject({
      code: 'ERR_CONFIG_VALUE',
      message: expect.stringContaining(message),
    });
  });

  test('a file that is not there, a folder, and a device that never ends', async () => {
    await symlink('/dev/zero', folder.join('zero'));
    for (const path of [folder.join('nobody'), folder.path, folder.join('zero')]) {
      await expect(readHostList(path)).rejects.toMatchObject({ code: 'ERR_CONFIG_UNREADABLE' });
    }
  });

  test('an entry of over 255 bytes', () => {
    expect(entryOf(`${'a'.repeat(50)}.`.repeat(6))).toBeUndefined();
    expect(entryOf('*.10.0.0.1')).not.toBeNull();
  });
});
