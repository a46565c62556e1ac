import os from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { resolveConfig } from '../../src/config/resolve.ts';
import { configSchema } from '../../src/config/schema.ts';
import { DEFAULT_SERVER_LIMITS } from '../../src/icap/server/context.ts';

const place = { root: '/opt/weir', compiled: true, installed: false };

function resolve(raw: { plugins?: unknown; [section: string]: unknown }) {
  const surroundings = { folder: '/etc/weir', pluginsGiven: raw.plugins !== undefined, place, env: {} };
  return resolveConfig(configSchema.parse(raw), surroundings);
}

/** Paths of all values that are undefined. */
function holes(value: unknown, path = ''): string[] {
  if (value === undefined) return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => holes(item, `${path}.${key}`));
}

describe('resolveConfig', () => {
  test('leaves nothing undefined', () => {
    expect(holes(resolve({}))).toEqual([]);
    const mostlyEmpty = {
      adaptation: {
        services: { a: { url: 'icap://h/x' } },
        rules: [{ point: 'reqmod', use: ['a'], when: {} }],
      },
      gateway: { services: { b: {} } },
      profiles: { c: { blades: { d: {} } } },
      plugins: ['p'],
    };
    expect(holes(resolve(mostlyEmpty))).toEqual([]);
  });

  test('has the documented limits by default', () => {
    const { proxy, gateway, adaptation } = resolve({});
    expect(proxy.limits).toEqual({
      connections: 10_000,
      headerBytes: 65_536,
      headerFields: 200,
      uriBytes: 32_768,
      headTimeoutMs: 30_000,
      idleTimeoutMs: 60_000,
      handshakeTimeoutMs: 15_000,
      bodyRate: 100,
      bodyRateWindowMs: 60_000,
      totalTimeoutMs: null,
    });
    expect(gateway.limits).toEqual(DEFAULT_SERVER_LIMITS);
    expect(proxy.upstream).toMatchObject({
      engine: 'native',
      verify: true,
      connectTimeoutMs: 10_000,
      responseTimeoutMs: 300_000,
    });
    expect(adaptation.holdBytes).toBe(67_108_864);
    expect(adaptation.spool).toEqual({
      memoryBytes: 262_144,
      totalBytes: 4_294_967_296,
      folder: os.tmpdir(),
    });
  });

  test('makes the paths of a service absolute, and reads what it says of dialogue and identity', () => {
    const tls = { ca: ['ca.pem'], cert: 'a.pem', key: '/k/a.key', serverName: 'Icap.Example' };
    const given = {
      ...{ url: 'icaps://h/x', tls, preview: false, retries: 2, allow: [204], sendTrailers: false },
      ...{ identity: { headers: ['x-client-ip', 'X-Client-IP'], encoding: 'plain' }, redact: ['Cookie'] },
    };
    expect(() => resolve({ adaptation: { services: { a: given } } })).toThrow();
    const services = { a: { ...given, allow: ['204'] } };
    expect(resolve({ adaptation: { services } }).adaptation.services['a']).toMatchObject({
      ...{ previewBytes: false, retries: 2, allow: ['204'], sendTrailers: false, redact: ['Cookie'] },
      identity: { headers: ['X-Client-IP'], encoding: 'plain' },
      tls: { ca: ['/etc/weir/ca.pem'], cert: '/etc/weir/a.pem', key: '/k/a.key', serverName: 'icap.example' },
    });
    expect(resolve({}).adaptation.services['sandblast']).toMatchObject({
      ...{ previewBytes: null, retries: 0, allow: ['204', '206', 'trailers'], sendTrailers: 'auto' },
      ...{ identity: { headers: 'auto', encoding: 'auto' }, redact: [], strict: false },
      tls: { ca: [], cert: null, key: null, verify: true, serverName: null },
    });
  });

  test.each([['auto | list'], [['X-Client-Ip', 'X-Other']], [[5]]])(
    'refuses identity fields %j',
    (headers) => {
      const a = { url: 'icap://h/x', identity: { headers } };
      expect(() => resolve({ adaptation: { services: { a } } })).toThrow(/X-Client-Username/);
    },
  );

  test('always has the service sandblast, which is the own gateway', () => {
    const url = (raw: Record<string, unknown>) => resolve(raw).adaptation.services['sandblast']?.url.href;
    expect(url({})).toBe('icap://127.0.0.1:1344/sandblast');
    expect(url({ gateway: { listen: '0.0.0.0:1444' } })).toBe('icap://127.0.0.1:1444/sandblast');
    expect(url({ gateway: { listen: ['[::]:1444', '127.0.0.1:1'] } })).toBe('icap://[::1]:1444/sandblast');
    expect(url({ gateway: { listen: '127.0.0.1:0' } })).toBe('icap://127.0.0.1:0/sandblast');
    expect(url({ adaptation: { services: { a: { url: 'icap://h/x' } } } })).toBe(
      'icap://127.0.0.1:1344/sandblast',
    );
    expect(resolve({}).adaptation.services['sandblast']).toMatchObject({ onError: 'block', inProcess: true });
  });

  test('lets a service of that name replace it', () => {
    const services = { sandblast: { url: 'icap://other/x', timeout: '1s' } };
    expect(resolve({ adaptation: { services } }).adaptation.services['sandblast']).toMatchObject({
      url: { href: 'icap://other:1344/x' },
      timeoutMs: 1000,
    });
  });

  test('keeps the built-in services of the gateway beside those that were given', () => {
    const { services } = resolve({
      gateway: {
        limits: { connections: 50 },
        services: { mine: { profile: 'strict', methods: ['RESPMOD'] } },
      },
    }).gateway;
    expect(Object.values(services).map(({ name, kind, profile }) => [name, kind, profile])).toEqual([
      ['sandblast', 'scan', 'optimized'],
      ['echo', 'echo', null],
      ['info', 'info', null],
      ['mine', 'scan', 'strict'],
    ]);
    expect(services['info']?.methods).toEqual(['REQMOD']);
    expect(services['mine']).toMatchObject({ methods: ['RESPMOD'], maxConnections: 50, previewBytes: 4096 });
    expect(services['constructor']).toBeUndefined();
  });

  test('makes paths absolute from the folder of the file, and the CA folder from the package', () => {
    expect(resolve({}).proxy.certs).toBe('/opt/weir/certs');
    const config = resolve({
      proxy: { certs: './ca', upstream: { trust: ['x.pem'] } },
      adaptation: { spool: { folder: 'spool' } },
      log: { file: '/var/log/weir' },
    });
    expect(config.proxy.certs).toBe('/etc/weir/ca');
    expect(config.proxy.upstream.trust).toEqual(['/etc/weir/x.pem']);
    expect(config.adaptation.spool.folder).toBe('/etc/weir/spool');
    expect(config.log.file).toBe('/var/log/weir');
  });

  test('looks for default plugins in the package, for others in the folder of the file', () => {
    expect(resolve({}).plugins).toEqual([
      { use: './plugins/antivirus', with: {}, isolate: 'auto', resolveFrom: '/opt/weir' },
      { use: './plugins/threat-emulation', with: {}, isolate: 'auto', resolveFrom: '/opt/weir' },
    ]);
    expect(resolve({ plugins: [] }).plugins).toEqual([]);
    expect(resolve({ plugins: ['a', { use: './b', with: [1] }] }).plugins).toEqual([
      { use: 'a', with: {}, isolate: 'auto', resolveFrom: '/etc/weir' },
      { use: './b', with: [1], isolate: 'auto', resolveFrom: '/etc/weir' },
    ]);
  });

  test('reads address overrides in any case and keeps them by name', () => {
    const { hosts } = resolve({
      proxy: { upstream: { hosts: { 'Shop.Example': '127.0.0.1', '*.test': 'LocalHost' } } },
    }).proxy.upstream;
    expect(hosts).toEqual({ 'shop.example': '127.0.0.1', '*.test': 'localhost' });
  });
});
