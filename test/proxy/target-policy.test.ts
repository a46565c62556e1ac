// Where clients may not go: names, addresses in every form, exceptions, and the list that holds by default.

import { describe, expect, test } from '@jest/globals';
import { targetPolicyOf } from '../../src/app/ways-out.ts';
import { parseTarget } from '../../src/config/addresses.ts';
import { DEFAULT_DENIED } from '../../src/config/ways-out.ts';
import { TargetPolicy } from '../../src/proxy/target-policy.ts';

function policy(deny: readonly string[], allow: readonly string[] = []): TargetPolicy {
  return new TargetPolicy(targetPolicyOf({ deny: deny.map(parseTarget), allow: allow.map(parseTarget) }));
}

describe('the default for listeners that others reach', () => {
  const byDefault = policy(DEFAULT_DENIED);

  test.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '::1',
    '169.254.169.254',
    '169.254.0.1',
    'fe80::1',
    'febf::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::1',
    '2002:a9fe:a9fe::',
  ])('denies %s, asked for or resolved to', (address) => {
    expect(byDefault.isDenied(address)).toBe(true);
    expect(byDefault.isDeniedAddress(address, 'harmless.test')).toBe(true);
  });

  test.each(['localhost', 'app.localhost', 'metadata.google.internal'])('denies the name %s', (name) => {
    expect(byDefault.isDenied(name)).toBe(true);
  });

  test.each([
    '192.0.2.1',
    '10.0.0.1',
    '192.168.1.1',
    '2001:db8::1',
    'fd00::1',
    '2002:c000:201::',
    '126.0.0.1',
  ])('lets %s be reached', (address) => {
    expect(byDefault.isDenied(address)).toBe(false);
    expect(byDefault.isDeniedAddress(address, 'some.test')).toBe(false);
  });
});

test('denies nothing when there is nothing on the list', () => {
  expect(policy([]).isDenied('127.0.0.1')).toBe(false);
  expect(policy([]).isDeniedAddress('127.0.0.1', 'a.test')).toBe(false);
});

describe('exceptions', () => {
  test('by host let that name reach every address', () => {
    const targets = policy(['127.0.0.0/8', '*.internal'], ['app.internal']);
    expect(targets.isDenied('app.internal')).toBe(false);
    expect(targets.isDeniedAddress('127.0.0.1', 'app.internal')).toBe(false);
    expect(targets.isDenied('other.internal')).toBe(true);
    expect(targets.isDeniedAddress('127.0.0.1', 'other.test')).toBe(true);
  });

  test('by network let those addresses be reached under any name', () => {
    const targets = policy(['10.0.0.0/8'], ['10.1.0.0/16']);
    expect(targets.isDeniedAddress('10.1.2.3', 'a.test')).toBe(false);
    expect(targets.isDenied('10.1.2.3')).toBe(false);
    expect(targets.isDeniedAddress('10.2.2.3', 'a.test')).toBe(true);
  });

  test('for an IPv6 network are none for the IPv4 address that it leads to', () => {
    const targets = policy(['127.0.0.0/8', '64:ff9b::/96'], ['64:ff9b::/96']);
    expect(targets.isDeniedAddress('64:ff9b::7f00:1', 'a.test')).toBe(true);
    expect(targets.isDeniedAddress('64:ff9b::c000:201', 'a.test')).toBe(false);
  });

  test('make a list of what may be reached out of deny: *', () => {
    const targets = policy(['*'], ['10.0.0.0/8', '*.good.test']);
    expect(targets.isDenied('a.good.test')).toBe(false);
    expect(targets.isDenied('10.1.1.1')).toBe(false);
    expect(targets.isDenied('11.1.1.1')).toBe(true);
    expect(targets.isDenied('bad.test')).toBe(true);
  });
});
