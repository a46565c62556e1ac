import { expect, test } from '@jest/globals';
import { areGroups, parseGroupFile, readGroupFile } from '../../src/auth/group-file.ts';
import { tempDir } from '../support/tempDir.ts';

test('a line names a group and its users, a group may have several lines, names may be quoted', () => {
  const text = [
    '# who is who',
    'staff: alice bob',
    '',
    'Domain Users: "CN=Carol, O=Lab" bob',
    'staff:dave alice\r',
    'nobody:',
  ].join('\n');
  expect([...parseGroupFile(text, 'groups')]).toEqual([
    ['alice', ['staff']],
    ['bob', ['staff', 'Domain Users']],
    ['CN=Carol, O=Lab', ['Domain Users']],
    ['dave', ['staff']],
  ]);
});

test.each([
  ['a line without a colon', 'staff: a\nalice bob', 'groups:2: expected `group: user user`'],
  ['a group without a name', ': alice', 'groups:1: expected'],
  ['a control character', 'st\taff: alice', 'groups:1: expected'],
  ['half a quote', 'staff: "alice bob', 'groups:1: a double quote without its other half'],
  [
    'a user in too many groups',
    Array.from({ length: 257 }, (_, i) => `g${i}: alice`).join('\n'),
    'groups:257: alice is in more groups than the 256',
  ],
])('%s is refused with its line', (_, text, message) => {
  expect(() => parseGroupFile(text, 'groups')).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG_VALUE', message: expect.stringContaining(message) }),
  );
});

test('a file that is not there, or too large to be one, says so', async () => {
  await using folder = await tempDir();
  const read = (path: string) => (): unknown => readGroupFile(path);
  expect(read(folder.join('none'))).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_UNREADABLE' }));
  const large = await folder.write('large', Buffer.alloc(4 * 1024 * 1024 + 1, '#'));
  expect(read(large)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }));
});

test('groups of a log-in are names, and no more of them than fit into a header', () => {
  for (const groups of [[], ['a'], ['CN=x,DC=y', 'ü']]) expect(areGroups(groups)).toBe(true);
  const long = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(200, 'x'));
  const bad = [null, 'a', [1], [''], ['a\nb'], [`${'x'.repeat(256)}`], Array(257).fill('a'), long];
  for (const groups of bad) expect(areGroups(groups)).toBe(false);
});
