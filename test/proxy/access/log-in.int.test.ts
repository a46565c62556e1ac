// Who has to log in to the proxy, and how: passwords of a file, asked with 407 before a transaction, inside
// CONNECT and in the SOCKS dialogue; what becomes of user and password afterwards.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatHash, hashPassword } from '../../../src/auth/password-hash.ts';
import { curl } from '../../support/curl.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { openTunnel, rawClient } from '../../support/rawClient.ts';
import { tempDir } from '../../support/tempDir.ts';
import type { TempDir } from '../../support/tempDir.ts';
import { startTestWeir } from '../../support/weir.ts';
import type { LocalWeir, WeirSettings } from '../../support/weir.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const ALICE = `Proxy-Authorization: ${basic('alice:wünder:land')}\r\n`;

let weir: LocalWeir;
let plain: OriginServer;
let secure: OriginServer;
let folder: TempDir;
let users: string;

const settings = (more: Record<string, unknown> = {}): WeirSettings => ({
  proxy: {
    listen: ['127.0.0.1:0', { listen: '127.0.0.1:0', auth: false }],
    auth: { basic: { file: users, realm: 'The "Lab"' } },
    ...more,
  },
  adaptation: {
    rules: [
      { point: 'reqmod', use: ['sandblast'], when: { users: ['alice'] } },
      { point: 'respmod', use: ['sandblast'] },
    ],
  },
});

beforeAll(async () => {
  folder = await tempDir();
  // Bob's hash is of the C library's bcrypt.
  const lines = [
    `alice:${formatHash(await hashPassword(Buffer.from('wünder:land')))}`,
    'bob:$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC',
  ];
  users = await folder.write('users', `${lines.join('\n')}\n`, 0o600);
  plain = await originServer((request, response) => response.end(`plain ${request.url}`));
  secure = await originServer((request, response) => response.end(`secure ${request.url}`), { tls: true });
  weir = await startTestWeir(settings());
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await plain.close();
  await secure.close();
  await folder[Symbol.asyncDispose]();
});

const through = (user: string | null, url: string, ...more: string[]) =>
  weir.curl(...(user === null ? [] : ['--proxy-user', user]), ...more, url);

describe('a request without credentials', () => {
  test('is answered 407 with a page, and the connection stays for the next attempt', async () => {
    await using client = await rawClient(weir.proxyPort);
    const request = (path: string, fields = ''): string =>
      `GET http://site.test:${plain.port}${path} HTTP/1.1\r\nHost: site.test:${plain.port}\r\n${fields}\r\n`;
    client.send(request('/1', 'Accept: text/html\r\n'));
    const refused = (await client.take('</html>')).toString();
    expect(refused).toMatch(/^HTTP\/1\.1 407 Proxy Authentication Required\r\n/);
    expect(refused).toContain('Proxy-Authenticate: Basic realm="The \\"Lab\\"", charset="UTF-8"\r\n');
    expect(refused).toContain('Please log in to the proxy');
    expect(refused).not.toMatch(/^Connection: close/im);
    client.send(request('/2', ALICE));
    await client.until('plain /2');
  });

  test('leaves the connection usable when it has a body', async () => {
    await using client = await rawClient(weir.proxyPort);
    const head = `POST http://site.test:${plain.port}/body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n`;
    client.send(`${head}\r\n`, 'hello');
    await client.take('</html>');
    client.send(`${head}${ALICE}\r\n`, 'hello');
    await client.until('plain /body');
  });

  test('is answered 407 inside CONNECT, where the client then logs in on the same connection', async () => {
    await using client = await rawClient(weir.proxyPort);
    const connect = (fields = ''): string =>
      `CONNECT localhost:${secure.port} HTTP/1.1\r\nHost: localhost:${secure.port}\r\n${fields}\r\n`;
    client.send(connect());
    expect((await client.take('</html>')).toString()).toMatch(
      /^HTTP\/1\.1 407 [^]*Proxy-Authenticate: Basic/,
    );
    client.send(connect(ALICE));
    await client.until('HTTP/1.1 200 Connection Established\r\n\r\n');
  });

  test('is not let through by credentials of another scheme, or of none', async () => {
    for (const value of ['Bearer abc', 'Negotiate YII=', 'Basic', 'Basic !!!', '', 'x'.repeat(5000)]) {
      await using client = await rawClient(weir.proxyPort);
      client.send(
        `GET http://site.test:${plain.port}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${value}\r\n\r\n`,
      );
      await client.until('HTTP/1.1 407');
    }
  });
});

describe('curl with user and password', () => {
  test.each([
    ['alice', 'alice:wünder:land'],
    ['bob, whose hash is bcrypt', 'bob:pässword'],
  ])('%s gets plain and encrypted pages', async (_, user) => {
    expect((await through(user, `http://site.test:${plain.port}/p`)).body.toString()).toBe('plain /p');
    expect((await through(user, `https://localhost:${secure.port}/s`)).body.toString()).toBe('secure /s');
  });

  test('which are wrong gets 407, also for a user that is not there', async () => {
    for (const user of ['alice:x', 'alice:', 'nobody:wünder:land']) {
      expect(await through(user, `http://site.test:${plain.port}/`)).toMatchObject({ status: 407 });
    }
    expect((await through('alice:x', `https://localhost:${secure.port}/`)).stderr).toContain('407');
  });

  test('goes by SOCKS5 likewise, and without them by none', async () => {
    const url = `http://site.test:${plain.port}/socks`;
    const via = (user: string[]) => curl(['--proxy', `socks5h://127.0.0.1:${weir.proxyPort}`, ...user, url]);
    expect((await via(['--proxy-user', 'alice:wünder:land'])).body.toString()).toBe('plain /socks');
    expect((await via(['--proxy-user', 'alice:x'])).exitCode).toBe(97); // refused by the proxy
    expect((await via([])).exitCode).toBe(97);
    expect((await curl(['--proxy', `socks4a://127.0.0.1:${weir.proxyPort}`, url])).exitCode).toBe(97);
    await weir.logged(({ msg }) => msg?.includes('does not offer user and password') === true);
  });

  test('is not asked on a listener with auth: false', async () => {
    const port = weir.weir.proxyAddresses[1]!.split(':').at(-1);
    const answer = await curl(['--proxy', `http://127.0.0.1:${port}`, `http://site.test:${plain.port}/free`]);
    expect(answer.body.toString()).toBe('plain /free');
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/free'));
    expect(record).toMatchObject({ user: null });
  });
});

describe('the user', () => {
  test('is in the records of proxy and gateway, and decides over rules', async () => {
    await through('alice:wünder:land', `http://site.test:${plain.port}/who-alice`);
    await through('bob:pässword', `https://localhost:${secure.port}/who-bob`);
    const record = async (kind: string, end: string) =>
      (await weir.logged((line) => line.kind === kind && line.url.endsWith(end)))[0]!;
    const [alice, bob] = [await record('proxy', '/who-alice'), await record('proxy', '/who-bob')];
    expect([alice['user'], bob['user']]).toEqual(['alice', 'bob']);
    expect(alice.adaptation.map(({ method }) => method)).toEqual(['REQMOD', 'RESPMOD']);
    expect(bob.adaptation.map(({ method }) => method)).toEqual(['RESPMOD']); // the rule is for alice
    expect((await record('gateway', '/who-alice'))['user']).toBe('alice');
  });

  test('may differ from request to request on one connection', async () => {
    await using client = await rawClient(weir.proxyPort);
    for (const [path, user] of [
      ['/turn-1', 'alice:wünder:land'],
      ['/turn-2', 'bob:pässword'],
    ] as const) {
      client.send(
        `GET http://site.test:${plain.port}${path} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${basic(user)}\r\n\r\n`,
      );
      await client.until(`plain ${path}`);
    }
    const records = await weir.logged(({ kind, url }) => kind === 'proxy' && /turn-\d$/.test(url), 2);
    expect(records.map((one) => one['user'])).toEqual(['alice', 'bob']);
  });

  test('stays known inside a tunnel, and a password never leaves the proxy', async () => {
    await through('alice:wünder:land', `http://site.test:${plain.port}/secret`);
    const { socket } = await openTunnel(weir.proxyPort, `site.test:${plain.port}`, ALICE);
    socket.write(`GET /inside HTTP/1.1\r\nHost: site.test\r\n${ALICE}\r\n`);
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/inside'));
    expect(record).toMatchObject({ user: 'alice' });
    socket.destroy();
    for (const request of plain.requests) expect(request.headers['proxy-authorization']).toBeUndefined();
    const log = JSON.stringify(weir.log());
    expect(log).not.toContain('wünder');
    expect(log).not.toContain(basic('alice:wünder:land'));
  });
});

test('a user who is taken out of the file is asked again, tunnels included', async () => {
  const { socket } = await openTunnel(weir.proxyPort, `site.test:${plain.port}`, ALICE);
  const ended = new Promise((resolve) => socket.once('end', resolve));
  socket.resume();
  socket.write('GET /before HTTP/1.1\r\nHost: site.test\r\n\r\n');
  await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/before'));
  await folder.write('users', 'bob:$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC\n', 0o600);
  await weir.reload(settings());
  await ended;
  socket.destroy();
  expect((await through('alice:wünder:land', `http://site.test:${plain.port}/`)).status).toBe(407);
  expect((await through('bob:pässword', `http://site.test:${plain.port}/`)).status).toBe(200);
});
