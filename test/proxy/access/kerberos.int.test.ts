// Log-in by Negotiate with everything real: MIT's KDC, Squid's helper for Kerberos, curl with a user's ticket.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { curl } from '../../support/curl.ts';
import type { CurlResult } from '../../support/curl.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { startRealm, type Realm } from '../../support/peers/kerberos.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';

const HELPER = '/usr/lib/squid/negotiate_kerberos_auth';

describeWithPeer(['krb5kdc', 'kadmin.local', 'kinit', 'squid', 'curl'], () => {
  let realm: Realm;
  let weir: LocalWeir;
  let plain: OriginServer;
  let secure: OriginServer;

  beforeAll(async () => {
    realm = await startRealm(['alice']);
    await realm.logIn('alice');
    [plain, secure] = [
      await originServer((_request, response) => response.end('fine')),
      await originServer((_request, response) => response.end('fine, and secret'), { tls: true }),
    ];
    const env = Object.entries(realm.env()).map(([name, value]) => `${name}=${value}`);
    const command = ['/usr/bin/env', ...env, HELPER, '-k', realm.keytab, '-s', 'GSS_C_NO_NAME'];
    weir = await startTestWeir({
      proxy: { auth: { negotiate: { command, children: 2 } } },
    });
  });

  afterAll(async () => {
    await weir?.[Symbol.asyncDispose]();
    for (const each of [plain, secure, realm]) await each?.[Symbol.asyncDispose]();
  });

  /** Through the proxy by the name that its key is for. */
  const ask = (as: string | null, ...urls: string[]): Promise<CurlResult> => {
    const proxy = ['-x', `http://localhost:${weir.proxyPort}`, '--cacert', weir.caPath, '--http1.1'];
    const login = ['--proxy-negotiate', '--proxy-user', ':'];
    return curl([...proxy, ...login, ...urls], undefined, realm.env(as ?? 'nobody'));
  };

  test('a user with a ticket is let in, in the clear and inside CONNECT, and the log knows who it was', async () => {
    const user = `alice@${realm.name}`;
    const answer = await ask('alice', `${plain.url}/clear`);
    expect([answer.status, String(answer.body)]).toEqual([200, 'fine']);
    const tunnelled = await ask('alice', `${secure.url}/tunnel`);
    expect([tunnelled.status, String(tunnelled.body)]).toEqual([200, 'fine, and secret']);
    for (const path of ['/clear', '/tunnel']) {
      const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && String(url).endsWith(path));
      expect(record).toMatchObject({ user, status: 200 });
    }
  });

  test('one log-in holds for the connection', async () => {
    const { headers, body } = await ask('alice', `${plain.url}/one`, `${plain.url}/two`);
    expect(String(body)).toBe('finefine');
    expect(headers.match(/^HTTP\/1\.1 407 /gm) ?? []).toHaveLength(
      headers.startsWith('HTTP/1.1 407') ? 1 : 0,
    );
  });

  test('a client without a ticket is asked for one, and gets nothing of the origin', async () => {
    for (const url of [plain.url, secure.url]) {
      const answer = await ask(null, `${url}/stranger`);
      expect(answer.headers).toMatch(/^HTTP\/1\.1 407 [^]*Proxy-Authenticate: Negotiate\r\n/);
      expect(String(answer.body)).not.toContain('fine');
    }
    expect([...plain.requests, ...secure.requests].filter(({ url }) => url === '/stranger')).toEqual([]);
  });

  test('a token that is none is refused, and the client may go on otherwise', async () => {
    const fake = `Proxy-Authorization: Negotiate ${Buffer.from('no token at all').toString('base64')}`;
    const answer = await curl(['-x', `http://localhost:${weir.proxyPort}`, '-H', fake, `${plain.url}/fake`]);
    expect(answer.status).toBe(407);
  });
});
