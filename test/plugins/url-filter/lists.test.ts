// Lists: what each form of line means, and that a table finds exactly that.

import { describe, expect, test } from '@jest/globals';
import { readLine, type Entry, type ListFormat } from '../../../plugins/url-filter/list-line.ts';
import { buildLists } from '../../../plugins/url-filter/lists.ts';
import { HostTable } from '../../../plugins/url-filter/host-table.ts';
import { requestUrl } from '../../../plugins/url-filter/request-url.ts';
import { PatternSet } from '../../../plugins/url-filter/url-pattern.ts';
import { tempDir } from '../../support/tempDir.ts';

function read(line: string, format: ListFormat = 'auto'): string[] {
  const result: string[] = [];
  const text = (entry: Entry): string =>
    `${entry.exception ? 'not ' : ''}${entry.kind} ${
      entry.kind === 'pattern' ? entry.pattern : entry.host + (entry.kind === 'path' ? entry.path : '')
    }`;
  readLine(
    line,
    format,
    (entry) => result.push(text(entry)),
    (why) => result.push(`left out: ${why}`),
  );
  return result;
}

test.each<[string, string[]]>([
  ['', []],
  ['# comment', []],
  ['! comment', []],
  ['[Adblock Plus 2.0]', []],
  ['example.com', ['domain example.com']],
  ['EXAMPLE.com.  # with a comment', ['domain example.com']],
  ['*.example.com', ['domain example.com']],
  ['.zip', ['domain zip']],
  ['bücher.example', ['domain xn--bcher-kva.example']],
  ['https://example.com/a/b?c=d', ['path example.com/a/b']],
  ['example.com:8080/', ['domain example.com']],
  ['192.0.2.7', ['domain 192.0.2.7']],
  ['0.0.0.0 ads.example.com', ['host ads.example.com']],
  [
    '127.0.0.1\tads.example.com www.ads.example.com # two',
    ['host ads.example.com', 'host www.ads.example.com'],
  ],
  ['::1 localhost ip6-loopback', []],
  ['||example.com^', ['domain example.com']],
  ['@@||good.example.com^', ['not domain good.example.com']],
  ['||example.com^$document', ['domain example.com']],
  ['||example.com^$third-party', ['left out: options']],
  ['||example.com^$script,domain=a.example', ['left out: options']],
  ['||example.com/ads/', ['pattern ||example.com/ads/']],
  ['/banner/', ['pattern /banner/']],
  ['/Ad[0-9]+x/', ['left out: regex']],
  ['-advert-728x90.', ['left out: unreadable']],
  ['example.com##.ad', ['left out: elements']],
  ['justaword', ['left out: unreadable']],
  ['no entry at all', ['left out: unreadable']],
  [`${'a'.repeat(5000)}.example`, ['left out: unreadable']],
])('a line %j means %j', (line, entries) => {
  expect(read(line)).toEqual(entries);
});

test('the form that is named holds for every line', () => {
  expect(read('ads.example', 'hosts')).toEqual(['left out: unreadable']);
  expect(read('-advert-728x90.', 'adblock')).toEqual(['pattern -advert-728x90.']);
  expect(read('0.0.0.0 ads.example', 'plain')).toEqual(['left out: unreadable']);
});

describe('a table', () => {
  const entries = [
    ...[
      'example.com',
      'deep.sub.example.net',
      '0.0.0.0 only.example.org',
      'files.example/pub/x',
      '192.0.2.7',
    ],
    ...['||both.example^', '@@||fine.both.example^'],
  ];
  const found = async (url: string, method = 'GET'): Promise<number[]> => {
    const category = { name: 'c', lists: [], format: 'auto' as const, entries };
    const other = { ...category, entries: ['||both.example^'] };
    const job = { seed: 42, categories: [category, other], maxEntries: 100, maxPatterns: 100 };
    const table = new HostTable((await buildLists(job)).table);
    const asked = requestUrl(method, url)!;
    const lists = new Set<number>();
    table.find(asked.host, asked.path, lists);
    return [...lists].sort();
  };

  test.each<[string, number[]]>([
    ['http://example.com/', [0]],
    ['http://www.example.com/x', [0]],
    ['http://EXAMPLE.COM./', [0]],
    ['http://notexample.com/', []],
    ['http://example.com.evil.test/', []],
    ['http://com/', []],
    ['http://sub.example.net/', []],
    ['http://a.deep.sub.example.net/', [0]],
    ['http://only.example.org/', [0]],
    ['http://www.only.example.org/', []],
    ['http://files.example/pub/x', [0]],
    ['http://files.example/pub/x?y', [0]],
    ['http://files.example/pub/%78/z', [0]],
    ['http://files.example/a/../pub/x/', [0]],
    ['http://files.example/pub/xy', []],
    ['http://files.example/', []],
    ['http://3221225991/', [0]],
    ['http://both.example/', [0, 2]],
    ['http://fine.both.example/', [0, 1, 2]],
  ])('asked for %s finds lists %j', async (url, lists) => {
    expect(await found(url)).toEqual(lists);
  });

  test('asked for a CONNECT knows the host alone', async () => {
    expect(await found('www.example.com:443', 'CONNECT')).toEqual([0]);
    expect(await found('files.example:443', 'CONNECT')).toEqual([]);
  });
});

test.each<[string, string, boolean]>([
  ['/banner/', 'http://a.example/x/banner/y.gif', true],
  ['/banner/', 'http://a.example/banners/y.gif', false],
  ['||a.example/ads', 'https://www.a.example/ads.js', true],
  ['||a.example/ads', 'https://ba.example/ads.js', false],
  ['||a.example/ads', 'https://b.example/?u=a.example/ads', false],
  ['||a.example^*^track', 'https://a.example/x/track.js', true],
  ['|https://a.example/', 'https://a.example/', true],
  ['|https://a.example/', 'http://b.example/?https://a.example/', false],
  ['.swf|', 'http://a.example/x.swf', true],
  ['.swf|', 'http://a.example/x.swf.swf?y', false],
  ['.swf|', 'http://a.example/x.swf/x.swf', true],
  ['/ad*/x^', 'http://a.example/ads/1/x', true],
  ['/ad*/x^', 'http://a.example/ads/1/xy', false],
  ['&adid=*&', 'http://a.example/?a=1&ADID=7&z', true],
])('the pattern %s matches %s: %s', (pattern, url, expected) => {
  const patterns = new PatternSet();
  patterns.add(4, pattern);
  const found = new Set<number>();
  patterns.find(requestUrl('GET', url)!.lower!, found);
  expect(found.has(4)).toBe(expected);
});

test('lists that cannot be used name the file and what to do', async () => {
  await using folder = await tempDir();
  const file = await folder.write('list', 'a.example\nb.example\nc.example\n');
  const job = (lists: string[], maxEntries = 10) => ({
    seed: 1,
    categories: [{ name: 'c', lists, format: 'auto' as const, entries: [] }],
    maxEntries,
    maxPatterns: 1,
  });
  await expect(buildLists(job([folder.join('none')]))).rejects.toThrow(/none cannot be read: ENOENT/);
  await expect(buildLists(job([file], 2))).rejects.toThrow(
    /list: more than 2 entries in all lists: raise maxEntries/,
  );
  expect((await buildLists(job([file, file]))).table.words.length).toBe(6); // each kept once
});
