// Ways to origins in a running Weir: what a start refuses, what a client sees, and what a reload changes.

import { expect, test } from '@jest/globals';
import { dnsServer, zone } from '../support/dnsServer.ts';
import { originServer } from '../support/originServer.ts';
import { testCa } from '../support/testCa.ts';
import { startTestWeir } from '../support/weir.ts';
import { answering } from '../proxy/origin/engine-support.ts';
import { parentProxy } from '../proxy/origin/parent-support.ts';
import { tempDir } from '../support/tempDir.ts';

test('a listener that others reach denies this machine by default, with a page that says so', async () => {
  await using dns = await dnsServer(zone({ 'metadata.evil.test': ['169.254.169.254'], 'me.evil.test': ['::ffff:7f00:1'] })); // prettier-ignore
  await using origin = await originServer((_, response) => response.end('secret'));
  const upstream = { hosts: {}, dns: { servers: [dns.address] } };
  await using weir = await startTestWeir({ proxy: { listen: '0.0.0.0:0', upstream } });
  for (const host of ['127.0.0.1', 'localhost', 'me.evil.test', 'metadata.evil.test', '[::ffff:127.0.0.1]']) {
    const { status, body } = await weir.curl(`http://${host}:${origin.port}/`, '-H', 'Accept: text/html');
    expect([host, status]).toEqual([host, 403]);
    expect(body.toString()).toContain('ERR_PROXY_DENIED');
  }
  expect(origin.requests).toHaveLength(0);
  const allowing = { listen: '0.0.0.0:0', upstream, targets: { allow: ['127.0.0.0/8'] } };
  await weir.reload({ proxy: allowing });
  expect((await weir.curl(`http://127.0.0.1:${origin.port}/`)).body.toString()).toBe('secret');
});

test('a reload brings another parent, and takes it away', async () => {
  await using parent = await parentProxy();
  await using origin = await originServer((_, response) => response.end('ok'));
  const url = `http://a.test:${origin.port}/`;
  const hosts = { '*.test': '127.0.0.1' };
  await using weir = await startTestWeir();
  expect((await weir.curl(url)).status).toBe(200);
  const at = `http://127.0.0.1:${parent.port}`;
  const { applied } = await weir.reload({
    proxy: { upstream: { hosts, proxy: [{ url: at, hosts: ['a.test'] }] } },
  });
  expect(applied).toEqual(['proxy.upstream.proxy']);
  await weir.curl(url); // node's proxy knows no a.test: what counts is that it was asked
  expect(parent.seen).toEqual([`GET ${url}`]);
  expect(parent.headers[0]!.via).toMatch(/weir/);
  await weir.reload({ proxy: { upstream: { hosts, proxy: null } } });
  expect((await weir.curl(url)).status).toBe(200);
  expect(parent.seen).toHaveLength(1);
});

test('a request that comes back through a parent is noticed', async () => {
  await using first = await startTestWeir();
  await using second = await startTestWeir({
    proxy: { upstream: { proxy: `http://127.0.0.1:${first.proxyPort}` } },
  });
  await first.reload({ proxy: { upstream: { proxy: `http://127.0.0.1:${second.proxyPort}` } } });
  const plain = await first.curl('http://a.test/', '-H', 'Accept: text/html');
  expect([plain.status, plain.body.includes('ERR_PROXY_LOOP')]).toEqual([508, true]);
  const { status } = await first.curl('https://a.test/');
  expect(status).toBe(502); // the second Weir is refused by the first with 508, and says that its parent failed
});

test('a page says that a site wants a client certificate, and the certificate is shown once it is configured', async () => {
  const ca = await testCa();
  const tls = { requestCert: true, rejectUnauthorized: true, ca: ca.cert };
  await using origin = await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', { tls });
  await using folder = await tempDir();
  await using weir = await startTestWeir();
  const url = `https://origin.test:${origin.port}/`;
  const refused = await weir.curl(url, '-H', 'Accept: text/html');
  expect(refused.status).toBe(502);
  expect(refused.body.toString()).toContain('ERR_ORIGIN_CLIENT_CERT');
  const leaf = await ca.issue(['a.client']);
  const entry = {
    hosts: ['origin.test'],
    cert: await folder.write('client.pem', leaf.cert),
    key: await folder.write('client.key', leaf.key),
  };
  const upstream = { trust: [ca.certPath], hosts: { '*.test': '127.0.0.1' }, clientCertificates: [entry] };
  await weir.reload({ proxy: { upstream } });
  expect((await weir.curl(url)).body.toString()).toBe('ok');
});

test('a client certificate with the key of another stops the start', async () => {
  await using folder = await tempDir();
  const [one, other] = [await (await testCa()).issue(['one']), await (await testCa()).issue(['other'])];
  const cert = await folder.write('cert.pem', one.cert);
  const key = await folder.write('key.pem', other.key);
  const upstream = { clientCertificates: [{ hosts: ['*'], cert, key }] };
  await expect(startTestWeir({ proxy: { upstream } })).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
    message: `proxy.upstream.clientCertificates[0]: ${cert} and ${key} cannot be used together: the key is that of another`,
  });
});

test.each([
  ['a credentials file that is not there', { proxy: [{ url: 'http://h', credentials: '/nowhere' }] }, 'ERR_CONFIG_UNREADABLE', /^proxy\.upstream\.proxy\[0\]\.credentials: /],
  ['one without a password', { proxy: [{ url: 'http://h', credentials: '/dev/null' }] }, 'ERR_CONFIG_VALUE', /has no user:password/],
  ['a CA that is not there', { proxy: [{ url: 'https://h', ca: ['/nowhere'] }] }, 'ERR_CONFIG_UNREADABLE', /^proxy\.upstream\.proxy\[0\]\.ca: /],
  ['a client certificate that is none', { clientCertificates: [{ hosts: ['*'], cert: '/dev/null', key: '/dev/null' }] }, 'ERR_CONFIG_VALUE', /^proxy\.upstream\.clientCertificates\[0\]: /],
])('%s stops the start', async (_, upstream, code, message) => {
  await expect(startTestWeir({ proxy: { upstream } })).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
}); // prettier-ignore
