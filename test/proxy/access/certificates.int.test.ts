// TLS to the proxy with certificates on both sides: a client's certificate names its user, alone or beside
// passwords; files that change are read again; a helper program knows the passwords.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from 'node:tls';
import { curl } from '../../support/curl.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { rawClient, rawClientOn } from '../../support/rawClient.ts';
import { tempDir } from '../../support/tempDir.ts';
import type { TempDir } from '../../support/tempDir.ts';
import type { TestCa, TestCertificate } from '../../support/testCa.ts';
import { newTestCa, testCa } from '../../support/testCa.ts';
import { startTestWeir } from '../../support/weir.ts';
import type { LocalWeir } from '../../support/weir.ts';

let weir: LocalWeir;
let origin: OriginServer;
let folder: TempDir;
let clientCa: TestCa;
let alice: TestCertificate;
let stranger: TestCertificate;

const files = { cert: '', key: '' };

beforeAll(async () => {
  folder = await tempDir();
  clientCa = await newTestCa('Clients');
  alice = await clientCa.issue(['alice.test']);
  stranger = await (await testCa()).issue(['mallory.test']);
  await writeServer(['localhost', 'first.test']);
  origin = await originServer((request, response) => response.end(`here ${request.url}`));
  weir = await startTestWeir(settings(false));
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin.close();
  await folder[Symbol.asyncDispose]();
});

async function writeServer(names: string[]): Promise<void> {
  const { cert, key } = await (await testCa()).issue(names);
  files.cert = await folder.write('cert.pem', cert);
  files.key = await folder.write('key.pem', key, 0o600);
}

/** One listener with certificates, beside it a plain one without log-in. */
function settings(withPasswords: boolean) {
  // A program of one line: alice's password is that of the lab.
  const script = `require('readline').createInterface({ input: process.stdin }).on('line', (line) =>
    console.log(line === 'bob sesame%20open' ? 'OK user=bob.lab' : 'ERR'))`;
  const helper = { command: [process.execPath, '-e', script], children: 1 };
  return {
    proxy: {
      listen: [
        { listen: '127.0.0.1:0', tls: { ...files, clientCa: clientCa.certPath } },
        { listen: '127.0.0.1:0', auth: false },
      ],
      auth: { clientCertificate: { user: 'dns' }, ...(withPasswords ? { basic: { helper } } : {}) },
    },
  };
}

const port = (): number => Number(weir.weir.proxyAddresses[0]!.split(':').at(-1));

async function through(path: string, certificate: TestCertificate | null, ...more: string[]) {
  const shown =
    certificate === null
      ? []
      : [
          ...['--proxy-cert', await folder.write('client.pem', certificate.cert)],
          ...['--proxy-key', await folder.write('client.key', certificate.key, 0o600)],
        ];
  const trust = ['--proxy-cacert', (await testCa()).certPath];
  return curl([
    '--proxy',
    `https://localhost:${port()}`,
    ...trust,
    ...shown,
    ...more,
    `http://site.test:${origin.port}${path}`,
  ]);
}

const userOf = async (path: string): Promise<unknown> =>
  (await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path)))[0]!['user'];

describe('with certificates alone', () => {
  test('the certificate names the user', async () => {
    expect((await through('/alice', alice)).body.toString()).toBe('here /alice');
    expect(await userOf('/alice')).toBe('alice.test');
  });

  test.each([
    ['no certificate', () => null, 'a client certificate is required'],
    ['one of another authority', () => stranger, 'not one of clientCa'],
  ])('a client with %s gets a page that says so', async (_, shown, why) => {
    const answer = await through('/', shown());
    expect(answer.status).toBe(403);
    expect(answer.body.toString()).toContain(why);
  });

  test('nobody comes in without TLS', async () => {
    await using client = await rawClient(port());
    client.send(`GET http://site.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.closed();
    await weir.logged(({ code }) => code === 'ERR_PROXY_TLS');
  });
});

test('another certificate in the file is taken over by a reload, connections stay', async () => {
  const connected = async (servername: string) => {
    const { key, cert } = alice;
    const socket = connect({
      port: port(),
      host: '127.0.0.1',
      servername,
      ca: (await testCa()).cert,
      key,
      cert,
    });
    return { client: rawClientOn(socket), socket };
  };
  const before = await connected('first.test');
  before.client.send(`GET http://site.test:${origin.port}/1 HTTP/1.1\r\nHost: x\r\n\r\n`);
  await before.client.take('here /1');
  await writeServer(['localhost', 'second.test']);
  await weir.reload(settings(false));
  const after = await connected('second.test');
  after.client.send(`GET http://site.test:${origin.port}/2 HTTP/1.1\r\nHost: x\r\n\r\n`);
  await after.client.until('here /2');
  before.client.send(`GET http://site.test:${origin.port}/3 HTTP/1.1\r\nHost: x\r\n\r\n`);
  await before.client.until('here /3');
  before.socket.destroy();
  after.socket.destroy();
});

test('a key of another certificate is refused, and everything stays as it was', async () => {
  const { key } = await (await testCa()).issue(['other.test']);
  await folder.write('key.pem', key, 0o600);
  await expect(weir.reload(settings(false))).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });
  expect((await through('/still', alice)).body.toString()).toBe('here /still');
  await writeServer(['localhost']);
});

describe('with certificates and passwords', () => {
  beforeAll(() => weir.reload(settings(true)));

  test('a certificate is enough', async () => {
    expect((await through('/certificate', alice)).status).toBe(200);
    expect(await userOf('/certificate')).toBe('alice.test');
  });

  test('a password that the helper knows is enough, and the helper names the user', async () => {
    expect((await through('/password', null, '--proxy-user', 'bob:sesame open')).status).toBe(200);
    expect(await userOf('/password')).toBe('bob.lab');
  });

  test('with neither, or with the certificate of a stranger, nobody comes in', async () => {
    expect((await through('/', null)).status).toBe(407);
    expect((await through('/', null, '--proxy-user', 'bob:x')).status).toBe(407);
    expect((await through('/', stranger, '--proxy-user', 'bob:sesame open')).status).toBe(403);
  });
});
