// What the configuration says of listeners, passwords and trust, from text to what the gateway is told.

import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import type { GatewayConfig } from '../../src/config/types.ts';
import { tempDir } from '../support/tempDir.ts';

/** Reads `gateway: …`; paths come out below /etc/weir. */
async function read(gateway: object): Promise<{ gateway: GatewayConfig; warnings: string[] }> {
  await using folder = await tempDir();
  const path = await folder.write('weir.yaml', JSON.stringify({ gateway }));
  const { config, warnings } = await loadConfig({ path });
  const moved = JSON.stringify(config.gateway).replaceAll(folder.path, '/etc/weir');
  return {
    gateway: JSON.parse(moved) as GatewayConfig,
    warnings: warnings.map((warning) => `${warning.path}: ${warning.message}`),
  };
}

const problemOf = (gateway: object): Promise<string> =>
  read(gateway).then(
    () => 'accepted',
    (error: unknown) => String((error as Error).message),
  );

const network = (text: string): object => {
  const [address, prefix] = text.split('/');
  return {
    kind: 'network',
    address,
    prefix: Number(prefix),
    family: address!.includes(':') ? 'ipv6' : 'ipv4',
  };
};

describe('gateway.listen', () => {
  test('tls and proxyProtocol are null unless given', async () => {
    const { gateway } = await read({ listen: '127.0.0.1:1344' });
    expect(gateway.listen).toEqual([{ host: '127.0.0.1', port: 1344, tls: null, proxyProtocol: null }]);
  });

  test('files are seen from the folder of the configuration', async () => {
    const { gateway } = await read({
      listen: [{ listen: '127.0.0.1:11344', tls: { cert: 'a.pem', key: 'keys/a.key', clientCa: '/ca.pem' } }],
    });
    expect(gateway.listen[0]?.tls).toEqual({
      cert: '/etc/weir/a.pem',
      key: '/etc/weir/keys/a.key',
      clientCa: '/ca.pem',
    });
  });

  test.each([
    ['true means the networks of gateway.allow', true, ['10.0.0.0/8']],
    ['false means none', false, null],
    ['a list of addresses and networks', ['192.0.2.1', '2001:db8::/32'], ['192.0.2.1/32', '2001:db8::/32']],
    ['one network', '192.0.2.0/24', ['192.0.2.0/24']],
  ])('proxyProtocol: %s', async (_, proxyProtocol, expected) => {
    const { gateway } = await read({
      allow: ['10.0.0.0/8'],
      listen: [{ listen: '127.0.0.1:1', proxyProtocol }],
    });
    expect(gateway.listen[0]?.proxyProtocol).toEqual(expected?.map(network) ?? null);
  });

  test.each([[[]], ['yes'], [[true]], [1], [['10.0.0.0/33']]])(
    'refuses proxyProtocol: %j',
    async (proxyProtocol) => {
      const problem = await problemOf({ listen: [{ listen: '127.0.0.1:1', proxyProtocol }] });
      expect(problem).toContain('gateway.listen[0].proxyProtocol: expected ');
    },
  );

  test('tls needs both files', async () => {
    const problem = await problemOf({ listen: [{ listen: '127.0.0.1:1', tls: { cert: 'a' } }] });
    expect(problem).toContain('gateway.listen[0].tls.key: is missing');
  });
});

describe('gateway.auth', () => {
  const basic = (file: string) => ({ basic: { file } });

  test('holds for every service that says nothing else', async () => {
    const services = { own: { auth: basic('own') }, none: { auth: null }, same: {} };
    const { gateway } = await read({ auth: basic('users'), services });
    const files = Object.entries(gateway.services).map(([name, { auth }]) => [
      name,
      auth?.basic.file ?? null,
    ]);
    expect(Object.fromEntries(files)).toEqual({
      sandblast: '/etc/weir/users',
      echo: '/etc/weir/users',
      info: '/etc/weir/users',
      own: '/etc/weir/own',
      none: null,
      same: '/etc/weir/users',
    });
  });

  test.each([[{ auth: {} }], [{ services: { a: { auth: { basic: {} } } } }]])(
    '%j lacks the file',
    async (gateway) => {
      expect(await problemOf(gateway)).toContain('auth.basic.file: is missing');
    },
  );
});

describe('gateway.limits', () => {
  test.each([
    ['maxRequestsPerConnection', -1],
    ['drainBytes', '65MiB'],
    ['startLineBytes', 255],
    ['headerBytes', '2MiB'],
    ['headerFields', 0],
    ['sectionBytes', '5MiB'],
    ['handshakeTimeout', 0],
  ])('%s refuses %j', async (key, value) => {
    expect(await problemOf({ limits: { [key]: value } })).toContain(`gateway.limits.${key}: expected `);
  });
});

describe('warnings', () => {
  const auth = { basic: { file: 'users' } };

  test.each([
    [
      'passwords on a plain listener that others reach',
      { auth, listen: '0.0.0.0:1344' },
      'gateway.listen: passwords cross the network unencrypted to 0.0.0.0:1344',
    ],
    [
      'passwords of one service there',
      { services: { a: { auth } }, listen: ['127.0.0.1:1', '[::]:2'] },
      'gateway.listen[1]: passwords cross',
    ],
    [
      'balancers anywhere',
      { listen: [{ listen: '127.0.0.1:1', proxyProtocol: ['::/0'] }] },
      'gateway.listen[0].proxyProtocol: lets everybody',
    ],
    [
      'identity of everybody',
      { trustIdentity: ['0.0.0.0/0'] },
      'gateway.trustIdentity: lets every ICAP client',
    ],
  ])('%s', async (_, gateway, warning) => {
    expect((await read(gateway)).warnings).toEqual([expect.stringContaining(warning)]);
  });

  test('passwords on loopback, or over TLS, are fine', async () => {
    const tls = { cert: 'c', key: 'k' };
    const { warnings } = await read({ auth, listen: ['127.0.0.1:1', { listen: '0.0.0.0:2', tls }] });
    expect(warnings).toEqual([]);
  });
});

test('the proxy reaches its own gateway by a listener without TLS or PROXY header, if there is one', async () => {
  await using folder = await tempDir();
  const urlOf = async (listen: unknown): Promise<string> => {
    const path = await folder.write('weir.yaml', JSON.stringify({ gateway: { listen } }));
    return (await loadConfig({ path })).config.adaptation.services['sandblast']!.url.href;
  };
  const tls = { cert: 'c', key: 'k' };
  const secure = { listen: '127.0.0.1:2', tls };
  const behind = { listen: '127.0.0.1:3', proxyProtocol: true };
  expect(await urlOf([secure, behind, '127.0.0.1:4'])).toBe('icap://127.0.0.1:4/sandblast');
  expect(await urlOf([secure])).toBe('icaps://127.0.0.1:2/sandblast');
});
