import { describe, expect, test } from '@jest/globals';
import { checkConfigObject } from '../../src/config/load.ts';
import { isWeirError } from '../../src/errors.ts';

const rulesOf = (rule: object) => {
  const config = { adaptation: { rules: [{ point: 'respmod', use: ['sandblast'], ...rule }] } };
  return checkConfigObject(config).config.adaptation.rules;
};

function problemOf(adaptation: object): string {
  try {
    checkConfigObject({ adaptation });
  } catch (error) {
    if (isWeirError(error)) return error.message;
    throw error;
  }
  throw new Error('accepted');
}

const withRule = (rule: object) => problemOf({ rules: [{ point: 'respmod', use: ['sandblast'], ...rule }] });
const withCondition = (when: object) => withRule({ when });

test('a rule may limit hosts, paths, methods, types, size, clients, users, TLS and query', () => {
  const when = {
    hosts: ['*.Example.COM'],
    paths: ['/download/*', '*.exe'],
    methods: ['GET', 'CONNECT'],
    types: ['Application/PDF'],
    size: { min: '1KiB', max: '10MB' },
    clients: ['10.0.0.0/8', '::1'],
    users: ['alice'],
    tls: true,
    query: 'absent',
    not: { hosts: ['a.example.com'] },
  };
  expect(rulesOf({ when })[0]!.when).toMatchObject({
    hosts: ['*.example.com'],
    paths: ['/download/*', '*.exe'],
    types: ['application/pdf'],
    size: { min: 1024, max: 10_000_000 },
    clients: [
      { address: '10.0.0.0', prefix: 8 },
      { address: '::1', prefix: 128 },
    ],
    tls: true,
    query: 'absent',
    not: { hosts: ['a.example.com'], types: [], paths: [] },
  });
});

test('a rule that uses nothing stops, any other goes on, unless it says otherwise', () => {
  expect(rulesOf({ use: [] })[0]!.stop).toBe(true);
  expect(rulesOf({})[0]!.stop).toBe(false);
  expect(rulesOf({ stop: true })[0]!.stop).toBe(true);
});

describe('refuses', () => {
  test.each([
    [{ paths: ['download'] }, 'when.paths[0]: expected a path without query'],
    [{ paths: ['/a?b'] }, 'when.paths[0]: expected a path without query'],
    [{ methods: ['get'] }, 'when.methods[0]: expected an HTTP method in capitals'],
    [{ types: ['pdf'] }, 'when.types[0]: expected a media type'],
    [{ clients: ['10.0.0.0/40'] }, 'when.clients[0]: expected an IP address or network'],
    [{ users: [''] }, 'when.users[0]: expected a user name'],
    [{ tls: 'yes' }, 'when.tls: expected true or false'],
    [{ query: 'none' }, 'when.query: expected one of present, absent'],
    [{ size: { min: '2MB', max: '1MB' } }, 'when.size.max: expected at least min (2MB), got "1MB"'],
    [{ size: {} }, 'when.size: expected min, max or both'],
    [{ not: { size: {} } }, 'when.not.size: unknown key'],
    [{ hots: [] }, 'when.hots: unknown key'],
  ])('%j', (when, message) => {
    expect(withCondition(when)).toContain(`adaptation.rules[0].${message}`);
  });

  test('a rule that neither uses anything nor stops', () => {
    expect(withRule({ use: [], stop: false })).toContain(
      'adaptation.rules[0].stop: a rule that uses nothing and does not stop has no effect',
    );
  });

  test('sharing a field that is part of the protocol', () => {
    expect(problemOf({ share: ['Encapsulated'] })).toContain('adaptation.share[0]: expected the name of');
    expect(problemOf({ share: ['X Y'] })).toContain('adaptation.share[0]: expected the name of');
  });

  test('an unknown reason or action of notScanned', () => {
    expect(problemOf({ notScanned: { sise: 'block' } })).toContain('did you mean size?');
    expect(problemOf({ notScanned: { size: 'refuse' } })).toContain('expected one of allow, block');
  });
});

test('what notScanned leaves to the services is not among its entries', () => {
  const { notScanned } = checkConfigObject({ adaptation: { notScanned: { timeout: 'block' } } }).config
    .adaptation;
  expect(notScanned).toMatchObject({ size: 'allow', policy: 'allow', timeout: 'block' });
  expect('service-down' in notScanned).toBe(false);
});
