import { describe, expect, test } from '@jest/globals';
import { hostMatcher } from '../../../src/proxy/host-match.ts';
import { HostList } from '../../../src/proxy/tls-policy/host-list.ts';
import type { TlsFacts, TlsRule } from '../../../src/proxy/tls-policy/rules.ts';
import { TlsRules } from '../../../src/proxy/tls-policy/rules.ts';

const facts = (given: Partial<TlsFacts> & { host: string }): TlsFacts => ({
  port: 443,
  client: '192.0.2.7',
  user: null,
  sni: given.host,
  ...given,
});

/** What the rules say of a target. */
const decided = (rules: readonly TlsRule[], given: Partial<TlsFacts> & { host: string }): string | null =>
  new TlsRules(rules).decide(facts(given))?.action ?? null;

function listOf(...entries: string[]): NonNullable<TlsRule['lists']> {
  const list = new HostList(entries.length, entries.join('').length);
  for (const entry of entries) list.add(entry);
  return [{ path: 'banks.txt', list }];
}

test('the most specific host pattern wins, whatever their order', () => {
  const match = hostMatcher({ '*': 'all', '*.test': 'test', '*.a.test': 'a', 'B.a.test': 'b' });
  expect(match('b.a.test')).toBe('b');
  expect(match('c.a.test')).toBe('a');
  expect(match('a.test')).toBe('test');
  expect(match('test')).toBe('all');
  expect(match('::1')).toBe('all');
});

test('a suffix pattern means names below it: not itself, and no name that only ends alike', () => {
  const match = hostMatcher({ '*.bank.test': true });
  expect(match('www.bank.test')).toBe(true);
  expect(match('a.b.bank.test')).toBe(true);
  expect(match('bank.test')).toBeUndefined();
  expect(match('evilbank.test')).toBeUndefined();
  expect(match('.bank.test')).toBeUndefined();
});

test('names of object properties match nothing', () => {
  const match = hostMatcher<true>({ 'h.test': true });
  for (const host of ['constructor', '__proto__', 'toString']) expect(match(host)).toBeUndefined();
});

test('the first TLS rule that fits decides, not the most specific one', () => {
  const rules: TlsRule[] = [
    { hosts: ['*.bank.test'], action: 'splice' },
    { hosts: ['evil.bank.test', 'blocked.test'], action: 'terminate' },
    { hosts: ['10.0.0.1'], action: 'bump' },
  ];
  expect(decided(rules, { host: 'evil.bank.test' })).toBe('splice');
  expect(decided(rules, { host: 'blocked.test' })).toBe('terminate');
  expect(decided(rules, { host: '10.0.0.1', sni: null })).toBe('bump');
  expect(decided(rules, { host: 'other.test' })).toBeNull();
});

describe('a condition', () => {
  const splice = (rule: Omit<TlsRule, 'action'>): TlsRule[] => [{ ...rule, action: 'splice' }];
  test.each<
    [what: string, rule: Omit<TlsRule, 'action'>, fits: Partial<TlsFacts>, misses: Partial<TlsFacts>]
  >([
    ['of a port', { ports: [{ first: 8443, last: 8443 }] }, { port: 8443 }, { port: 443 }],
    ['of ports', { ports: [{ first: 8000, last: 8999 }] }, { port: 8999 }, { port: 9000 }],
    ['of clients', { clients: ['192.0.2.0/24'] }, { client: '192.0.2.9' }, { client: '192.0.3.9' }],
    [
      'of a v4 client on a v6 socket',
      { clients: ['192.0.2.0/24'] },
      { client: '::ffff:192.0.2.9' },
      { client: '::1' },
    ],
    ['of a user', { users: ['ann'] }, { user: 'ann' }, { user: 'bob' }],
    ['of any user', { users: ['*'] }, { user: 'bob' }, { user: null }],
    ['of a server name', { sni: 'present' }, { sni: 'a.test' }, { sni: null }],
    ['of no server name', { sni: 'absent' }, { sni: null }, { sni: 'a.test' }],
    [
      'of addresses',
      { ips: ['10.0.0.0/8'] },
      { host: '10.9.9.9', sni: null },
      { host: '11.0.0.1', sni: null },
    ],
    [
      'of addresses, not of names',
      { ips: ['0.0.0.0/0'] },
      { host: '10.9.9.9', sni: null },
      { host: 'a.test' },
    ],
    ['of a list', { lists: listOf('.bank.test') }, { host: 'www.bank.test' }, { host: 'bank.test.evil' }],
  ])('%s holds where it says, and nowhere else', (_, rule, fits, misses) => {
    const at = (given: Partial<TlsFacts>): string | null => {
      const host = given.host ?? 'a.test';
      return decided(splice(rule), { sni: given.host === undefined ? 'a.test' : host, ...given, host });
    };
    expect(at(fits)).toBe('splice');
    expect(at(misses)).toBeNull();
  });

  test('is one of several that must all fit', () => {
    const rules = splice({ hosts: ['*.bank.test'], ports: [{ first: 443, last: 443 }], users: ['ann'] });
    expect(decided(rules, { host: 'www.bank.test', user: 'ann' })).toBe('splice');
    expect(decided(rules, { host: 'www.bank.test', user: 'bob' })).toBeNull();
    expect(decided(rules, { host: 'www.bank.test', user: 'ann', port: 444 })).toBeNull();
    expect(decided(rules, { host: 'other.test', user: 'ann' })).toBeNull();
  });
});

describe('before the ClientHello', () => {
  test('a rule that asks for the server name leaves the decision open, and so all behind it', () => {
    const rules: TlsRule[] = [
      { sni: 'absent', action: 'bump' },
      { hosts: ['blocked.test'], action: 'terminate' },
    ];
    expect(decided(rules, { host: 'blocked.test', sni: undefined })).toBeNull();
    expect(decided(rules, { host: 'blocked.test', sni: null })).toBe('bump');
    expect(decided(rules, { host: 'blocked.test' })).toBe('terminate');
  });

  test('one of which another condition does not fit is passed over', () => {
    const rules: TlsRule[] = [
      { sni: 'absent', ports: [{ first: 1, last: 1 }], action: 'bump' },
      { hosts: ['blocked.test'], action: 'terminate' },
    ];
    expect(decided(rules, { host: 'blocked.test', sni: undefined })).toBe('terminate');
  });
});

describe('where server name and CONNECT host differ', () => {
  const rules: TlsRule[] = [
    { hosts: ['bank.test', 'partner.test'], action: 'splice' },
    { hosts: ['blocked.test'], action: 'terminate' },
    { hosts: ['never.test'], action: 'bump' },
  ];
  test.each([
    ['a false server name opens nothing', 'evil.test', 'bank.test', null],
    ['a host that is always intercepted stays so', 'never.test', 'bank.test', 'bump'],
    ['two names that both pass do pass', 'partner.test', 'bank.test', 'splice'],
    ['at an address the name counts', '10.0.0.1', 'bank.test', 'splice'],
    ['a refused name is refused behind any host', 'bank.test', 'blocked.test', 'terminate'],
    ['a name of no rule leaves it to the host', 'bank.test', 'other.test', 'splice'],
  ])('%s', (_, host, sni, expected) => {
    expect(decided(rules, { host, sni })).toBe(expected);
  });
});

test('a rule reads as its action and conditions, long ones cut', () => {
  const rules = new TlsRules([
    { hosts: ['a.test', 'b.test', 'c.test', 'd.test'], ports: [{ first: 1, last: 9 }], action: 'splice' },
    { lists: listOf('a.test'), sni: 'present', action: 'terminate' },
  ]);
  expect(rules.line(0)).toEqual({
    path: 'proxy.tls.rules[0]',
    text: 'splice a.test, b.test, c.test, …; ports: 1-9',
  });
  expect(rules.line(1)?.text).toBe('terminate lists: banks.txt; sni: present');
  expect(rules.line(2)).toBeNull();
});
