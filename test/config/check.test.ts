import { describe, expect, test } from '@jest/globals';
import { crossCheck } from '../../src/config/check.ts';
import { pathText } from '../../src/config/problems.ts';

const told = (raw: unknown) =>
  crossCheck(raw).map(({ path, message, suggestion }) => `${pathText(path)}: ${message}${suggestion ?? ''}`);

describe('crossCheck', () => {
  test('accepts names that exist, the built-in service and profiles among them', () => {
    expect(
      told({
        adaptation: {
          services: { scan: { url: 'icap://h/x' } },
          groups: { all: { services: ['scan', 'sandblast'] } },
          rules: [{ point: 'reqmod', use: ['all', 'scan', 'sandblast'] }],
        },
        gateway: { services: { a: { profile: 'mine' }, b: { profile: 'basic' } } },
        profiles: { mine: {}, other: { base: 'mine' }, basic: { base: 'basic' } },
      }),
    ).toEqual([]);
  });

  test('refuses names that do not exist', () => {
    expect(
      told({
        adaptation: { groups: { g: { services: ['g', 'x'] } }, rules: [{ use: ['sandblst'] }] },
        gateway: { services: { a: { profile: 'stric' } } },
        profiles: { p: { base: 'q' } },
      }),
    ).toEqual([
      'adaptation.groups.g.services[0]: no service is named "g"',
      'adaptation.groups.g.services[1]: no service is named "x"',
      'adaptation.rules[0].use[0]: no service or group is named "sandblst"sandblast',
      'gateway.services.a.profile: no profile is named "stric"strict',
      'profiles.p.base: no profile is named "q"',
    ]);
  });

  test('refuses rules of a service that are for nobody, name no profile, or do not scan', () => {
    const rules = [
      { icapClients: ['10.0.0.1'], profile: 'strict' },
      { clients: ['10.0.0.0/8'], profile: 'stric' },
      { profile: 'basic' },
    ];
    expect(told({ gateway: { services: { sandblast: { rules }, echo: { rules } } } })).toEqual([
      'gateway.services.sandblast.rules[1].profile: no profile is named "stric"strict',
      'gateway.services.sandblast.rules[2]: is for nobody in particular: name icapClients or clients, or use `profile` of the service',
      'gateway.services.echo.rules: has no effect: echo does not scan; remove it',
    ]);
  });

  test('refuses a group with the name of a service, the built-in one included', () => {
    expect(told({ adaptation: { groups: { sandblast: {} } } })).toEqual([
      'adaptation.groups.sandblast: is the name of a service as well: rename one of them',
    ]);
  });

  test('refuses a certificate without its key, and a key without its certificate', () => {
    const service = (tls: object) => ({ adaptation: { services: { a: { url: 'icaps://h/x', tls } } } });
    expect(told(service({ cert: 'a.pem' }))).toEqual([
      'adaptation.services.a.tls.cert: needs tls.key as well: a certificate and its key go together',
    ]);
    expect(told(service({ key: 'a.key', cert: null }))).toEqual([
      'adaptation.services.a.tls.key: needs tls.cert as well: a certificate and its key go together',
    ]);
    expect(told(service({ cert: 'a.pem', key: 'a.key' }))).toEqual([]);
  });

  test('refuses a profile for services that do not scan', () => {
    expect(told({ gateway: { services: { echo: { profile: 'strict' }, info: {} } } })).toEqual([
      'gateway.services.echo.profile: has no effect: echo does not scan; remove it',
    ]);
  });

  test('refuses profiles that build on themselves, at each profile of the circle', () => {
    expect(
      told({ profiles: { a: { base: 'b' }, b: { base: 'a' }, c: { base: 'a' }, d: { base: 'd' } } }),
    ).toEqual([
      'profiles.a.base: forms a circle: a, b, a',
      'profiles.b.base: forms a circle: b, a, b',
      'profiles.d.base: forms a circle: d, d',
    ]);
    // Without a base, `mine` builds on optimized.
    expect(told({ profiles: { optimized: { base: 'mine' }, mine: {} } })).toHaveLength(2);
  });

  test('refuses a chain of more than 16 profiles', () => {
    const chain = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, index) => [
          `p${index}`,
          { base: index === 0 ? 'strict' : `p${index - 1}` },
        ]),
      );
    expect(told({ profiles: chain(16) })).toEqual([]);
    expect(told({ profiles: chain(17) })).toEqual(['profiles.p16.base: builds on more than 16 profiles']);
  });

  test('refuses fewer workers at most than at least', () => {
    expect(told({ gateway: { workers: { min: 4, max: 3 } } })).toHaveLength(1);
    expect(told({ gateway: { workers: { min: 4, max: 4 } } })).toEqual([]);
  });

  test('holds the bounds of workers against the defaults of those that are not given', () => {
    expect(told({ gateway: { workers: { min: 11 } } })).toEqual([
      'gateway.workers.min: expected at most gateway.workers.max (10), got 11',
    ]);
    expect(told({ gateway: { workers: { max: 2, maxSpare: 9 } } })).toEqual([
      'gateway.workers.max: expected at least gateway.workers.min (3), got 2',
      'gateway.workers.maxSpare: expected at least gateway.workers.minSpare (10), got 9',
    ]);
    expect(told({ gateway: { workers: { min: 0, max: 2 } } })).toEqual([]);
  });

  test('accepts the same keys when they ask for nothing', () => {
    expect(
      told({ proxy: { auth: null, upstream: { proxy: null }, reverse: [], listen: [{ tls: null }] } }),
    ).toEqual([]);
  });

  test.each([[null], [[]], ['x'], [{ proxy: [], adaptation: 1, gateway: { services: [1] }, profiles: 'x' }]])(
    'leaves the wrong shapes of %j to the schema',
    (raw) => {
      expect(crossCheck(raw)).toEqual([]);
    },
  );
});
