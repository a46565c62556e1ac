// proxy.listen, proxy.auth and proxy.clients: how they are written, what they must agree on, and what is
// allowed but dangerous.

import { describe, expect, test } from '@jest/globals';
import { ConfigProblemsError, formatProblems, loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';

async function load(proxy: unknown) {
  await using dir = await tempDir();
  return {
    folder: dir.path,
    ...(await loadConfig({ path: await dir.write('weir.yaml', JSON.stringify({ proxy })) })),
  };
}

/** Messages, each with the key in front. */
async function problems(proxy: unknown): Promise<string[]> {
  try {
    await load(proxy);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigProblemsError)) throw error;
    return formatProblems(error.problems, error.file).map((line) => line.replace(/^\S+ {2}/, ''));
  }
}

async function warnings(proxy: unknown): Promise<string[]> {
  const { warnings: found, file } = await load({ targets: { deny: null }, ...(proxy as object) });
  return formatProblems(found, file).map((line) => line.replace(/^\S+ {2}/, ''));
}

const PLAIN = { mode: 'auto', tls: null, proxyProtocol: null, auth: true };

describe('proxy.listen', () => {
  test('is an address, a section, or a list of both', async () => {
    const address = { host: '127.0.0.1', port: 1 };
    for (const listen of ['127.0.0.1:1', ['127.0.0.1:1'], [{ listen: '127.0.0.1:1' }]]) {
      expect((await load({ listen })).config.proxy.listen).toEqual([{ ...address, ...PLAIN }]);
    }
    const { config } = await load({
      listen: ['[::1]:1', { listen: '0.0.0.0:2', mode: 'socks5' }],
      clients: { allow: '10.0.0.0/8' },
    });
    expect(config.proxy.listen.map(({ host, mode }) => [host, mode])).toEqual([
      ['::1', 'auto'],
      ['0.0.0.0', 'socks5'],
    ]);
  });

  test('tls: true is a certificate of our own, a section may name files', async () => {
    const { config, folder } = await load({
      listen: [
        { listen: '127.0.0.1:1', tls: true },
        { listen: '127.0.0.1:2', tls: { cert: 'c.pem', key: 'k.pem', clientCa: 'ca.pem' } },
        { listen: '127.0.0.1:3', tls: false },
      ],
    });
    expect(config.proxy.listen.map(({ tls }) => tls)).toEqual([
      { cert: null, key: null, names: [], clientCa: null },
      { cert: `${folder}/c.pem`, key: `${folder}/k.pem`, names: [], clientCa: `${folder}/ca.pem` },
      null,
    ]);
  });

  test('proxyProtocol: true trusts the balancers of this machine', async () => {
    const { config } = await load({ listen: [{ listen: '127.0.0.1:1', proxyProtocol: true }] });
    expect(config.proxy.listen[0]!.proxyProtocol?.map(({ address }) => address)).toEqual([
      '127.0.0.0',
      '::1',
    ]);
  });
});

test('a helper is looked for from the folder of the configuration, a name alone in PATH', async () => {
  const helper = (program: string) => ({ auth: { basic: { helper: { command: [program, '-d'] } } } });
  const { config, folder } = await load(helper('./check'));
  expect(config.proxy.auth?.basic).toEqual({
    realm: 'Weir',
    file: null,
    helper: {
      command: [`${folder}/check`, '-d'],
      children: 2,
      timeoutMs: 10_000,
      rememberMs: 300_000,
      folder,
    },
  });
  expect((await load(helper('check'))).config.proxy.auth?.basic?.helper?.command[0]).toBe('check');
});

test('a burst is that of ten seconds unless it is given', async () => {
  expect((await load({ clients: { requestsPerSecond: 5 } })).config.proxy.clients.burst).toBe(50);
  expect((await load({ clients: { requestsPerSecond: 5, burst: 7 } })).config.proxy.clients.burst).toBe(7);
});

describe('refuses', () => {
  const listen = { listen: '127.0.0.1:1' };
  test.each([
    [
      'another mode',
      { listen: [{ ...listen, mode: 'socks' }] },
      'proxy.listen[0].mode: expected one of auto',
    ],
    [
      'a certificate without its key',
      { listen: [{ ...listen, tls: { cert: 'c' } }] },
      'proxy.listen[0].tls.cert: needs tls.key as well',
    ],
    [
      'names beside a certificate',
      { listen: [{ ...listen, tls: { cert: 'c', key: 'k', names: ['a.test'] } }] },
      'proxy.listen[0].tls.names: has no effect',
    ],
    [
      'tls on a transparent listener',
      { listen: [{ ...listen, mode: 'transparent', tls: true }] },
      'proxy.listen[0].tls: the TLS on a transparent listener',
    ],
    [
      'a transparent listener whose clients must log in',
      { listen: [{ ...listen, mode: 'transparent' }], auth: { basic: { file: 'u' } } },
      'proxy.listen[0].mode: clients that are redirected here',
    ],
    ['no way to log in', { auth: {} }, 'proxy.auth: names no way to log in'],
    ['passwords from nowhere', { auth: { basic: {} } }, 'proxy.auth.basic: needs a file'],
    [
      'passwords from two places',
      { auth: { basic: { file: 'u', helper: { command: ['x'] } } } },
      'proxy.auth.basic: has a file and a helper',
    ],
    [
      'an empty command',
      { auth: { basic: { helper: { command: [] } } } },
      'proxy.auth.basic.helper.command: expected at least one',
    ],
    [
      'a realm with a line feed',
      { auth: { basic: { file: 'u', realm: 'a\nb' } } },
      'proxy.auth.basic.realm: expected a text',
    ],
    [
      'certificates that nobody asks for',
      { auth: { clientCertificate: {} } },
      'proxy.auth.clientCertificate: nobody can show',
    ],
    [
      'certificates beside passwords that nobody asks for',
      { auth: { clientCertificate: {}, basic: { file: 'u' } } },
      'proxy.auth.clientCertificate: no listener asks',
    ],
    [
      'an empty list of clients',
      { clients: { allow: [] } },
      'proxy.clients.allow: expected a list of networks',
    ],
    [
      'a client that is no network',
      { clients: { allow: ['10.0.0.0/99'] } },
      'proxy.clients.allow: expected an IP address',
    ],
    ['a burst without a rate', { clients: { burst: 5 } }, 'proxy.clients.burst: has no effect'],
  ])('%s', async (_, proxy, message) => {
    expect(await problems(proxy)).toEqual([expect.stringContaining(message)]);
  });
});

describe('accepts', () => {
  const asking = { listen: '127.0.0.1:1', tls: { clientCa: 'ca.pem' } };
  test.each([
    [
      'a transparent listener beside log-in',
      {
        listen: ['127.0.0.1:1', { listen: '127.0.0.1:2', mode: 'transparent', auth: false }],
        auth: { basic: { file: 'u' } },
      },
    ],
    [
      'certificates on every listener that asks',
      { listen: [asking, { listen: '127.0.0.1:2', auth: false }], auth: { clientCertificate: {} } },
    ],
    [
      'certificates on one listener, passwords on all',
      { listen: [asking, '127.0.0.1:2'], auth: { clientCertificate: {}, basic: { file: 'u' } } },
    ],
    ['nothing of it', { auth: null, clients: null, listen: null }],
  ])('%s', async (_, proxy) => {
    expect(await problems(proxy)).toEqual([]);
  });
});

describe('warns', () => {
  const open = (more: object = {}, listener: object = {}) => ({
    listen: [{ listen: '0.0.0.0:1', ...listener }],
    ...more,
  });
  test('of a proxy that anybody can reach', async () => {
    const [warning, ...more] = await warnings(open());
    expect(warning).toContain('0.0.0.0:1 may be reached from other machines, and asks no one who they are');
    expect(more).toEqual([]);
    expect(await warnings(open({ clients: { allow: ['0.0.0.0/0'] } }))).toHaveLength(1);
    expect(await warnings(open({ auth: { basic: { file: 'u' } } }, { auth: false }))).toHaveLength(1);
  });

  test('of passwords in the clear', async () => {
    const auth = { basic: { file: 'u' } };
    const [warning, ...more] = await warnings(open({ auth }));
    expect(warning).toContain('passwords cross the network unencrypted to 0.0.0.0:1');
    expect(more).toEqual([]);
    expect(await warnings(open({ auth }, { tls: true }))).toHaveLength(1); // the port is there without TLS as well
    expect(await warnings(open({ auth }, { tls: true, mode: 'http' }))).toEqual([]);
  });

  test('of balancers that may be anybody', async () => {
    const listener = { listen: '127.0.0.1:1', proxyProtocol: ['0.0.0.0/0'] };
    expect(await warnings({ listen: [listener] })).toEqual([expect.stringContaining('claim any address')]);
  });

  test('not of a proxy for named networks, for certificates, or on loopback', async () => {
    expect(await warnings(open({ clients: { allow: ['10.0.0.0/8'] } }))).toEqual([]);
    expect(await warnings(open({}, { tls: { clientCa: 'ca.pem' } }))).toEqual([]);
    expect(await warnings({ auth: { basic: { file: 'u' } } })).toEqual([]);
  });
});
