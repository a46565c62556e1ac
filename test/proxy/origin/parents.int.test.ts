// A running Weir behind parent proxies of other makes: Squid with Basic authentication, plain and over TLS,
// microsocks, and another Weir. One Weir for all; each host goes by another parent.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar } from '../../support/eicar.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import type { MicroSocks } from '../../support/peers/microsocks.ts';
import { startMicroSocks } from '../../support/peers/microsocks.ts';
import type { Squid } from '../../support/peers/squid.ts';
import { startSquid } from '../../support/peers/squid.ts';
import { rawClient } from '../../support/rawClient.ts';
import { freePort } from '../../support/supervised.ts';
import type { TempDir } from '../../support/tempDir.ts';
import { tempDir } from '../../support/tempDir.ts';
import { testCa } from '../../support/testCa.ts';
import type { LocalWeir } from '../../support/weir.ts';
import { startTestWeir } from '../../support/weir.ts';

const LOGIN = { user: 'weir', password: 'p@ss: wörd' };
const HOSTS = ['squid', 'tls', 'socks', 'wrong', 'weir', 'dead', 'spliced'].map(
  (name) => `${name}.origin.test`,
);

describeWithPeer(['squid', 'microsocks'], () => {
  let squid: Squid;
  let squidTlsPort: number;
  let socks: MicroSocks;
  let outer: LocalWeir;
  let weir: LocalWeir;
  let plain: OriginServer;
  let secure: OriginServer;
  let folder: TempDir;

  beforeAll(async () => {
    folder = await tempDir();
    const ca = await testCa();
    const leaf = await ca.issue(['localhost']);
    const pem = await folder.write('squid.pem', leaf.key + leaf.cert, 0o644);
    const answer: Parameters<typeof originServer>[0] = (request, response) => {
      if (request.url === '/eicar') return void response.end(eicar());
      response.end(`${request.method} ${request.url} for ${request.headers.host}`);
    };
    [plain, secure] = await Promise.all([originServer(answer), originServer(answer, { tls: true })]);
    squidTlsPort = await freePort();
    const users = await folder.write('login', `${LOGIN.user}:${LOGIN.password}\n`, 0o600);
    [squid, socks, outer] = await Promise.all([
      startSquid({
        bump: false,
        login: LOGIN,
        hosts: HOSTS,
        config: [`https_port 127.0.0.1:${squidTlsPort} tls-cert=${pem}`],
      }),
      startMicroSocks({ user: 'me', password: 'secret' }),
      startTestWeir({ proxy: { tls: { rules: [{ hosts: ['*'], action: 'splice' }] } } }),
    ]);
    const dead = `http://weir:secret@127.0.0.1:${await freePort()}`;
    const good = `http://127.0.0.1:${outer.proxyPort}`;
    const only = (name: string): string[] => [`${name}.origin.test`];
    weir = await startTestWeir({
      proxy: {
        tls: { rules: [{ hosts: ['spliced.origin.test'], action: 'splice' }] },
        upstream: {
          proxy: [
            {
              url: `http://127.0.0.1:${squid.port}`,
              credentials: users,
              hosts: [...only('squid'), ...only('spliced')],
            },
            { url: `https://localhost:${squidTlsPort}`, credentials: users, hosts: only('tls') },
            { url: `socks5://me:secret@127.0.0.1:${socks.port}`, hosts: only('socks') },
            { url: `socks5h://me:wrong@127.0.0.1:${socks.port}`, hosts: only('wrong') },
            { url: good, hosts: only('weir') },
            { url: dead, hosts: only('dead'), noProxy: ['localhost'] },
          ],
        },
      },
    });
  });

  afterAll(async () => {
    for (const one of [weir, outer, socks, squid, secure, plain, folder]) await one?.[Symbol.asyncDispose]();
  });

  describe.each([
    ['Squid with a log-in', 'squid'],
    ['Squid over TLS', 'tls'],
    ['microsocks with a log-in', 'socks'],
    ['another Weir', 'weir'],
  ])('through %s', (_, name) => {
    test('plain HTTP goes', async () => {
      const { status, body } = await weir.curl(`http://${name}.origin.test:${plain.port}/a?b`);
      expect([status, body.toString()]).toEqual([200, `GET /a?b for ${name}.origin.test:${plain.port}`]);
    });

    test('intercepted HTTPS goes, and is scanned', async () => {
      const url = `https://${name}.origin.test:${secure.port}`;
      const { status, body } = await weir.curl(`${url}/x`, '--data', 'form');
      expect([status, body.toString()]).toEqual([200, `POST /x for ${name}.origin.test:${secure.port}`]);
      expect((await weir.curl(`${url}/eicar`)).status).toBe(403);
    });

    test('an upgrade goes', async () => {
      plain.requests.length = 0;
      await using client = await rawClient(weir.proxyPort);
      const place = `${name}.origin.test:${plain.port}`;
      client.send(
        `GET http://${place}/up HTTP/1.1\r\nHost: ${place}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`,
      );
      await client.until('for ');
      expect(plain.requests[0]!.headers).toMatchObject({ connection: 'Upgrade', upgrade: 'x' });
    });
  });

  test('a spliced tunnel goes', async () => {
    const ca = (await testCa()).certPath;
    const url = `https://spliced.origin.test:${secure.port}/s`;
    const { status, exitCode } = await weir.curl(url, '--cacert', ca);
    expect([status, exitCode]).toEqual([200, 0]);
  });

  test('Squid saw requests in absolute form and tunnels, all logged in', async () => {
    const wanted = [
      /TCP_MISS\/200 .* GET http:\/\/squid\.origin\.test.* weir /,
      /TCP_TUNNEL\/200 .* CONNECT spliced\.origin\.test.* weir /, // logged when Squid has closed it
    ];
    let log = '';
    for (let i = 0; i < 200 && !wanted.every((line) => line.test(log)); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      log = await squid.log();
    }
    for (const line of wanted) expect(log).toMatch(line);
    expect(log).not.toMatch(/TCP_DENIED/);
  });

  test.each([
    ['a log-in that is refused', 'wrong', 502, 'ERR_PARENT_AUTH'],
    ['a parent that is dead', 'dead', 502, 'ERR_PARENT_UNAVAILABLE'],
  ])('%s is a page that names the parent and no secret', async (_, name, expected, code) => {
    const { status, body } = await weir.curl(
      `http://${name}.origin.test:${plain.port}/`,
      '-H',
      'Accept: text/html',
    );
    const page = body.toString();
    expect(status).toBe(expected);
    expect(page).toContain(code);
    expect(page).toMatch(/the parent proxy (?:socks5h|http):\/\/127\.0\.0\.1:\d+ /);
    expect(page).not.toMatch(/secret|wrong@/);
    const [record] = await weir.logged(
      ({ url, error }) => url?.includes(`//${name}.`) && error !== undefined,
    );
    expect(record!.error!.code).toBe(code);
    expect(JSON.stringify(weir.log())).not.toContain('secret');
  });

  test('the log says once that a parent is dead', async () => {
    await weir.curl(`http://dead.origin.test:${plain.port}/again`);
    const lines = weir
      .log()
      .filter(({ msg, parent }) => msg?.includes('parent proxy') && parent !== undefined);
    expect(lines).toMatchObject([{ level: 'warn', code: 'ERR_PARENT_UNAVAILABLE' }]);
  });

  test('hosts that no parent is for are reached directly', async () => {
    const { status } = await weir.curl(`http://other.origin.test:${plain.port}/`);
    expect(status).toBe(200);
  });
});
