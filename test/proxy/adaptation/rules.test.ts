import { describe, expect, test } from '@jest/globals';
import type { ConditionLists, MessageFacts } from '../../../src/proxy/adaptation/rules.ts';
import { comparablePath, RuleCondition } from '../../../src/proxy/adaptation/rules.ts';
import { networks } from '../../../src/util/networks.ts';

const LISTS: ConditionLists = {
  hosts: [],
  paths: [],
  methods: [],
  types: [],
  clients: null,
  users: [],
  groups: [],
};
type Options = ConstructorParameters<typeof RuleCondition>[0];

const condition = (
  more: Partial<Omit<Options, 'not'>> & { not?: Partial<ConditionLists> },
  scans = true,
): RuleCondition => {
  const { not, ...own } = more;
  const excluded = not === undefined ? null : { ...LISTS, ...not };
  return new RuleCondition({ ...LISTS, size: null, tls: null, query: null, ...own, not: excluded }, scans);
};

interface Shown {
  readonly host?: string;
  readonly target?: string;
  readonly method?: string;
  readonly type?: string;
  readonly requestType?: string;
  readonly length?: number | null;
  readonly clientIp?: string;
  readonly user?: string;
  readonly groups?: string[];
}

function message(shown: Shown = {}): MessageFacts {
  const { host = 'h.test', target = `http://${host}/a/b.html`, method = 'GET', type, requestType } = shown;
  const headers = requestType === undefined ? [] : ['Content-Type', requestType];
  return {
    host,
    request: { method, target, version: '1.1', headers },
    response:
      type === undefined
        ? null
        : { version: '1.1', status: 200, reason: 'OK', headers: ['Content-Type', type] },
    length: shown.length === undefined ? 0 : shown.length,
    clientIp: shown.clientIp ?? null,
    user: shown.user ?? null,
    ...(shown.groups === undefined ? {} : { groups: shown.groups }),
  };
}

describe('a condition', () => {
  test.each<[string, Parameters<typeof condition>[0], Shown, string | null]>([
    ['without a limit fits', {}, {}, null],
    ['hosts', { hosts: ['*.h.test'] }, { host: 'a.h.test' }, null],
    ['other hosts', { hosts: ['*.h.test'] }, { host: 'h.test' }, 'policy'],
    ['methods', { methods: ['POST'] }, { method: 'POST' }, null],
    ['other methods', { methods: ['POST'] }, {}, 'policy'],
    ['a path prefix', { paths: ['/a/*'] }, {}, null],
    ['a file name', { paths: ['*.exe'] }, { target: 'http://h.test/x/SETUP.EXE?v=1' }, null],
    [
      'a file name that is only in the query',
      { paths: ['*.exe'] },
      { target: 'http://h.test/?a.exe' },
      'policy',
    ],
    ['the type of a response', { types: ['text/*'] }, { type: 'Text/HTML; charset=x' }, null],
    ['another type', { types: ['text/*'] }, { type: 'image/png' }, 'type'],
    ['no type at all', { types: ['text/*'] }, {}, 'type'],
    [
      'the type of a request',
      { types: ['multipart/form-data'] },
      { requestType: 'multipart/form-data; boundary=x' },
      null,
    ],
    ['a size', { size: { min: 10, max: 20 } }, { length: 20 }, null],
    ['a size above', { size: { min: 10, max: 20 } }, { length: 21 }, 'size'],
    ['a size below', { size: { min: 10, max: 20 } }, { length: 9 }, 'size'],
    ['clients', { clients: networks(['10.0.0.0/8']) }, { clientIp: '::ffff:10.1.2.3' }, null],
    ['other clients', { clients: networks(['10.0.0.0/8']) }, { clientIp: '192.0.2.1' }, 'policy'],
    ['users', { users: ['alice'] }, { user: 'alice' }, null],
    ['everybody who has logged in', { users: ['*'] }, { user: 'bob' }, null],
    ['nobody who has not', { users: ['*'] }, {}, 'policy'],
    ['TLS', { tls: true }, { target: 'https://h.test/' }, null],
    ['no TLS', { tls: true }, {}, 'policy'],
    ['a query', { query: 'present' }, { target: 'http://h.test/?a' }, null],
    ['the absence of one', { query: 'absent' }, { target: 'http://h.test/?a' }, 'policy'],
    ['excluded hosts', { not: { hosts: ['h.test'] } }, {}, 'policy'],
    ['excluded types', { not: { types: ['video/*'] } }, { type: 'video/mp4' }, 'type'],
    [
      'what no exclusion names',
      { not: { hosts: ['x.test'], types: ['video/*'] } },
      { type: 'text/html' },
      null,
    ],
    ['an exclusion of everything', { not: { hosts: ['*'] } }, {}, 'policy'],
  ])('%s', (_what, options, shown, mismatch) => {
    expect(condition(options).mismatch(message(shown))).toBe(mismatch);
  });

  test('a size that is not known is scanned, and leaves nothing out', () => {
    const size = { min: 0, max: 100 };
    expect(condition({ size }, true).mismatch(message({ length: null }))).toBeNull();
    expect(condition({ size }, false).mismatch(message({ length: null }))).toBe('size');
  });

  test('K-52 CONNECT counts only where it is named', () => {
    const connect = message({ method: 'CONNECT', target: 'h.test:443' });
    expect(condition({}).mismatch(connect)).toBe('policy');
    expect(condition({ methods: ['*'] }).mismatch(connect)).toBe('policy');
    expect(condition({ methods: ['CONNECT'] }).mismatch(connect)).toBeNull();
    expect(condition({ methods: ['*', 'CONNECT'] }).mismatch(message())).toBeNull();
  });
});

test.each([
  ['http://h.test/a/../download/x', '/download/x'],
  ['http://h.test/%64ownload/%2e%2e/x', '/x'],
  ['http://h.test/./a/.', '/a/'],
  ['http://h.test/a%2Fb', '/a%2fb'],
  ['http://h.test?q=/x', '/'],
  ['http://h.test', '/'],
  ['/only/path?x', '/only/path'],
  ['http://h.test/../..', '/'],
  ['h.test:443', ''],
])('the path of %p is compared as %p', (target, path) => {
  expect(comparablePath(target)).toBe(path);
});

test('a pattern with many stars takes no longer for a hostile path', () => {
  const rule = condition({ paths: [`/${'*a'.repeat(100)}b`] });
  const target = `http://h.test/${'a'.repeat(30_000)}`;
  expect(rule.mismatch(message({ target }))).toBe('policy');
});
