import { expect, test } from '@jest/globals';
import { hostMatcher } from '../../src/proxy/host-match.ts';
import { tlsDecider } from '../../src/proxy/tls-rules.ts';

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
  const decide = tlsDecider([
    { hosts: ['*.bank.test'], action: 'splice' },
    { hosts: ['evil.bank.test', 'blocked.test'], action: 'terminate' },
    { hosts: ['10.0.0.1'], action: 'bump' },
  ]);
  expect(decide('evil.bank.test')).toBe('splice');
  expect(decide('blocked.test')).toBe('terminate');
  expect(decide('10.0.0.1')).toBe('bump');
  expect(decide('other.test')).toBeNull();
});
