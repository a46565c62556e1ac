// Access to the gateway as a configuration says it: icaps with client certificates, passwords, refusals in
// the log, and a start that is refused.

import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { startWeir } from '../../src/app.ts';
import { formatHash, hashPassword } from '../../src/auth/password-hash.ts';
import { loadConfig } from '../../src/config/load.ts';
import { binary } from '../icap/server/proxy-headers.ts';
import { rawClient, rawClientOn } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir, tempDirForFile } from '../support/tempDir.ts';
import type { TestCa, TestCertificate } from '../support/testCa.ts';
import { testCa } from '../support/testCa.ts';
import { startTestWeir } from '../support/weir.ts';

const REQMOD =
  'REQMOD icap://h/echo ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: req-hdr=0, null-body=45\r\n\r\nGET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const withAuth = (credentials: string): string =>
  REQMOD.replace('\r\n', `\r\nAuthorization: ${basic(credentials)}\r\n`);

let ca: TestCa;
let folder: string;
let squid: TestCertificate;
let files: { cert: string; key: string };

beforeAll(async () => {
  ca = await testCa();
  folder = await tempDirForFile('weir-access-');
  const { cert, key } = await ca.issue(['localhost']);
  files = { cert: `${folder}/gateway.pem`, key: `${folder}/gateway.key` };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key, { mode: 0o600 });
  squid = await ca.issue(['squid.test']);
  await writeFile(`${folder}/users`, `squid:${formatHash(await hashPassword(Buffer.from('geheim')))}\n`, {
    mode: 0o600,
  });
});

describe('gateway.listen with tls', () => {
  test('icaps beside icap: the subject of the client certificate is in the record', async () => {
    const secure = await freePort();
    await using weir = await startTestWeir((plain) => ({
      gateway: {
        listen: [
          `127.0.0.1:${plain}`,
          { listen: `127.0.0.1:${secure}`, tls: { ...files, clientCa: ca.certPath } },
        ],
      },
    }));
    await using plain = await rawClient(weir.gatewayPort);
    plain.send(REQMOD);
    await plain.until('204');
    await using client = await rawClient(secure, { tls: { ca: ca.cert, servername: 'localhost', ...squid } });
    client.send(REQMOD);
    await client.until('204');
    const records = await weir.logged(({ kind }) => kind === 'gateway', 2);
    expect(records.map(({ icapCertificate }) => icapCertificate)).toEqual([undefined, 'CN=squid.test']);
    expect(records[1]).toMatchObject({ icapClient: '127.0.0.1', icapStatus: 204 });
  });

  test('the proxy still uses its own gateway in-process when that listens with TLS only', async () => {
    const secure = await freePort();
    await using weir = await startTestWeir({
      gateway: { listen: [{ listen: `127.0.0.1:${secure}`, tls: files }] },
    });
    await weir.curl('http://nowhere.invalid/');
    const [record] = await weir.logged(({ kind }) => kind === 'gateway');
    expect(record).toMatchObject({ icapClient: 'in-process', service: '/sandblast' });
  });

  test('a refused handshake is logged with its peer and what to do', async () => {
    const secure = await freePort();
    await using weir = await startTestWeir({
      gateway: { listen: [{ listen: `127.0.0.1:${secure}`, tls: files }] },
    });
    await using client = await rawClient(secure);
    client.send(REQMOD);
    await client.closed();
    const [event] = await weir.logged(({ code }) => code === 'ERR_ICAP_TLS');
    expect(event).toMatchObject({
      level: 'warn',
      icapClient: '127.0.0.1',
      remedy: expect.stringContaining('TLS 1.2'),
    });
  });

  test('a key that others may read is warned of, in the log and at the start', async () => {
    await using own = await tempDir();
    const key = await own.write('key', squid.key);
    const cert = await own.write('cert', squid.cert);
    await chmod(key, 0o644);
    const path = await own.write(
      'weir.yaml',
      JSON.stringify({
        proxy: { listen: '127.0.0.1:0', certs: own.join('certs') },
        dashboard: { listen: null },
        gateway: { listen: [{ listen: '127.0.0.1:0', tls: { cert, key } }] },
        log: { file: own.join('log') },
      }),
    );
    const { config } = await loadConfig({ path });
    const weir = await startWeir(config, { proxy: true, gateway: true });
    try {
      expect(weir.warnings).toEqual([expect.stringContaining('chmod 600')]);
      expect(weir.gatewayAddresses).toEqual([expect.stringMatching(/^icaps:\/\/127\.0\.0\.1:\d+$/)]);
    } finally {
      await weir.stop(0);
    }
  });

  test('a reload takes over a new certificate for new connections, the open one goes on', async () => {
    await using own = await tempDir();
    const replace = async (names: string[]): Promise<void> => {
      const { cert, key } = await ca.issue(names);
      await own.write('cert', cert);
      await writeFile(own.join('key'), key, { mode: 0o600 });
    };
    await replace(['before.test']);
    const path = await own.write(
      'weir.yaml',
      JSON.stringify({
        proxy: { listen: '127.0.0.1:0', certs: own.join('certs') },
        dashboard: { listen: null },
        gateway: { listen: [{ listen: '127.0.0.1:0', tls: { cert: 'cert', key: 'key' } }] },
        log: { file: own.join('log') },
      }),
    );
    const { config } = await loadConfig({ path });
    const weir = await startWeir(config, { proxy: true, gateway: true });
    try {
      const port = Number(weir.gatewayAddresses[0]!.split(':').at(-1));
      const connect = (servername: string) => rawClient(port, { tls: { ca: ca.cert, servername } });
      await using before = await connect('before.test');
      await own.write('cert', 'no certificate');
      await expect(weir.reload(config)).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });
      await using same = await connect('before.test');
      await replace(['after.test']);
      await weir.reload(config);
      await using after = await connect('after.test');
      for (const client of [before, same, after]) {
        client.send(REQMOD);
        await client.until('204');
      }
      await expect(connect('before.test')).rejects.toThrow();
    } finally {
      await weir.stop(0);
    }
  });

  test.each([
    ['a certificate', { cert: '/nowhere/cert' }, 'ERR_CONFIG_UNREADABLE'],
    ['a password file', null, 'ERR_CONFIG_UNREADABLE'],
  ])('without %s that can be read nothing starts', async (_, change, code) => {
    const settings =
      change === null
        ? { auth: { basic: { file: '/nowhere/users' } } }
        : { listen: [{ listen: `127.0.0.1:${await freePort()}`, tls: { ...files, ...change } }] };
    await expect(startTestWeir({ gateway: settings })).rejects.toMatchObject({ code });
  });
});

describe('gateway.auth', () => {
  test('the user is in the record, the password nowhere in the log', async () => {
    await using weir = await startTestWeir({ gateway: { auth: { basic: { file: `${folder}/users` } } } });
    for (const credentials of ['squid:geheim', 'squid:falsch']) {
      await using client = await rawClient(weir.gatewayPort);
      client.send(withAuth(credentials));
      await client.until(/ICAP\/1\.0 (204|407)/);
    }
    const records = await weir.logged(({ kind }) => kind === 'gateway', 2);
    expect(records.map(({ icapStatus, icapUser }) => ({ icapStatus, icapUser }))).toEqual([
      { icapStatus: 204, icapUser: 'squid' },
      { icapStatus: 407, icapUser: undefined },
    ]);
    expect(records[1]).toMatchObject({ verdict: 'error', error: { code: 'ERR_ICAP_AUTH' } });
    const text = JSON.stringify(weir.log());
    for (const secret of ['geheim', 'falsch', basic('squid:geheim'), '$scrypt$'])
      expect(text).not.toContain(secret);
  });

  test('a service may go without, and the proxy needs none in-process', async () => {
    await using weir = await startTestWeir({
      gateway: { auth: { basic: { file: `${folder}/users` } }, services: { echo: { auth: null } } },
    });
    await using client = await rawClient(weir.gatewayPort);
    client.send(REQMOD, REQMOD.replace('/echo', '/sandblast'));
    await client.until(/204[^]*407/);
    const { status } = await weir.curl('http://nowhere.invalid/');
    expect(status).toBe(502); // judged by the gateway, then not found
    await weir.logged(({ icapClient }) => icapClient === 'in-process');
  });
});

test('a flood of refusals is a few lines of the log, the last one with the number left out', async () => {
  await using weir = await startTestWeir({ gateway: { allow: ['192.0.2.0/24'] } });
  const knock = async (): Promise<void> => {
    await using client = await rawClient(weir.gatewayPort);
    client.send(REQMOD);
    await client.until('403 Forbidden: 127.0.0.1 is not in gateway.allow');
  };
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 10 }, knock));
  const lines = await weir.logged(({ code }) => code === 'ERR_ICAP_FORBIDDEN', 6);
  expect(lines).toHaveLength(6);
  expect(lines[0]).toMatchObject({
    icapClient: '127.0.0.1',
    remedy: expect.stringContaining('gateway.allow'),
  });
});

test('worker processes keep the same door: PROXY header, TLS, client certificate, password', async () => {
  const ports = [await freePort(), await freePort()];
  const tls = { ...files, clientCa: ca.certPath };
  await using weir = await startTestWeir({
    gateway: {
      listen: [
        `127.0.0.1:${ports[0]}`,
        { listen: `127.0.0.1:${ports[1]}`, tls, proxyProtocol: ['127.0.0.1'] },
      ],
      allow: ['192.0.2.7'],
      auth: { basic: { file: `${folder}/users` } },
      workers: { min: 1, max: 1 },
    },
  });
  await using direct = await rawClient(ports[0]!);
  direct.send(withAuth('squid:geheim'));
  await direct.until('403 Forbidden: 127.0.0.1 is not in gateway.allow');

  const socket = connect(ports[1]!, '127.0.0.1');
  socket.write(binary('192.0.2.7', 5));
  await using client = rawClientOn(connectTls({ socket, ca: ca.cert, servername: 'localhost', ...squid }));
  client.send(withAuth('squid:geheim') + REQMOD);
  await client.until(/204[^]*407/);
  const [record] = await weir.logged(({ kind }) => kind === 'gateway');
  expect(record).toMatchObject({
    icapClient: '192.0.2.7',
    icapCertificate: 'CN=squid.test',
    icapUser: 'squid',
  });
});
