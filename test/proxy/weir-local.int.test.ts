// The proxy's own host: answered over HTTP and HTTPS whatever the rules say, never forwarded; and the same site
// beside the dashboard. Real clients read the files that it gives away.

import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NO_CONTENT, scriptedIcap, type ScriptedIcap } from '../icap/client/scripted-icap.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const run = promisify(execFile);

let icap: ScriptedIcap;
let weir: LocalWeir;
const asked: string[] = [];

beforeAll(async () => {
  icap = await scriptedIcap((peer) => {
    asked.push('asked');
    peer.send(NO_CONTENT);
  });
  const use = ['spy'];
  // Every rule is against it.
  weir = await startTestWeir({
    plugins: [],
    proxy: {
      tls: { rules: [{ hosts: ['*'], action: 'terminate' }], nonTls: 'tunnel' },
      targets: { deny: ['*.local', 'weir.local'] },
      upstream: { onCertError: [{ hosts: ['*'], action: 'mirror' }], hosts: { 'weir.local': '127.0.0.1' } },
    },
    adaptation: {
      services: { spy: { url: `icap://127.0.0.1:${icap.port}/spy` } },
      rules: [
        { point: 'reqmod', use, when: { methods: ['CONNECT', 'GET'] } },
        { point: 'respmod', use },
      ],
    },
  });
}, 30_000);
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  await icap?.[Symbol.asyncDispose]();
});

async function dashboard(path: string, headers: Record<string, string> = {}) {
  const { port } = weir.weir.dashboard!;
  const request = http.request({ host: '127.0.0.1', port, path, agent: false, headers }).end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

describe('http://weir.local/', () => {
  test('is answered by the proxy itself: no rule and no service is asked, nothing is forwarded', async () => {
    const before = asked.length;
    const page = await weir.curl('http://weir.local/', '-H', 'Accept: text/html');
    expect(page.status).toBe(200);
    expect(page.body.toString()).toContain('Does this browser trust it now?');
    expect(asked.length).toBe(before);
    const record = await weir.logged(({ url }) => url === 'http://weir.local/');
    expect(record[0]).toMatchObject({ status: 200, verdict: 'allowed', adaptation: [] });
  });

  test.each([
    'http://WEIR.local./here.json',
    'http://weir.local:8123/here.json',
    'https://weir.local/here.json',
  ])('%s names the CA in use, to a page of any origin', async (url) => {
    const answer = await weir.curl(url);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({ weir: new X509Certificate(weir.ca).fingerprint256 });
    expect(answer.header('access-control-allow-origin')).toBe('*');
  });

  test('plain HTTP in a tunnel is answered as well, although what is no TLS is to be passed through', async () => {
    const answer = await weir.curl('--proxytunnel', 'http://weir.local/here.json');
    expect(answer.status).toBe(200);
  });

  test('HEAD has no body, a method that changes something is 405, another path 404', async () => {
    const head = await weir.curl('--head', 'http://weir.local/ca.pem');
    expect(head).toMatchObject({ status: 200 });
    expect(Number(head.header('content-length'))).toBeGreaterThan(400);
    const post = await weir.curl('--data', 'x'.repeat(1000), 'http://weir.local/');
    expect(post.status).toBe(405);
    expect(post.header('allow')).toBe('GET, HEAD');
    const lost = await weir.curl('http://weir.local/favicon.ico');
    expect(lost.status).toBe(404);
    expect(lost.body.toString()).toContain('http://weir.local/');
  });

  test('lets nothing run but its own script, and nobody frame it', async () => {
    const page = await weir.curl('http://weir.local/', '-H', 'Accept: text/html');
    const policy = page.header('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    const style = /<style>([\s\S]*?)<\/style>/g;
    for (const [, text] of page.body.toString().matchAll(style)) {
      expect(policy).toContain(`'sha256-${createHash('sha256').update(text!).digest('base64')}'`);
    }
    expect(page.body.toString()).not.toMatch(/<script(?! src=)|\son\w+=|\sstyle=/);
  });

  test('a program on a command line gets text with the commands for it', async () => {
    const { body, header } = await weir.curl('http://weir.local/');
    expect(header('content-type')).toBe('text/plain; charset=utf-8');
    expect(body.toString()).toContain(
      `curl -x http://127.0.0.1:${weir.proxyPort} -o weir-ca.pem http://weir.local/ca.pem`,
    );
    expect(body.toString()).toContain(new X509Certificate(weir.ca).fingerprint256);
  });

  test('what the steps say works: the certificate is fetched, then trusted', async () => {
    const pem = weir.folder.join('fetched.pem');
    await weir.curl('-o', pem, 'http://weir.local/ca.pem');
    const proxy = `http://127.0.0.1:${weir.proxyPort}`;
    const args = ['-sS', '-x', proxy, '--cacert', pem, 'https://weir.local/here.json'];
    const { stdout } = await run(requirePeer('curl'), args);
    expect(JSON.parse(stdout)).toHaveProperty('weir');
  });
});

test('a CA that may not certify weir.local says that it cannot be checked', async () => {
  await using bounded = await startTestWeir({
    plugins: [],
    proxy: { ca: { nameConstraints: ['example.com'] } },
  });
  const page = await bounded.curl('http://weir.local/', '-H', 'Accept: text/html');
  expect(page.body.toString()).toContain('data-checkable="no"');
});

test('the page follows the listeners in force, and speaks of the first that is plain HTTP', async () => {
  await using moved = await startTestWeir({ plugins: [] });
  const before = await moved.curl('http://weir.local/');
  expect(before.body.toString()).toContain(`http://127.0.0.1:${moved.proxyPort}`);
  await moved.reload({
    plugins: [],
    proxy: { listen: [{ listen: '127.0.0.1:0', mode: 'socks5' }, '127.0.0.1:0'] },
  });
  const plain = moved.weir.proxyAddresses.find((address) => !address.includes('://'))!;
  const { body } = await moved.curl('-x', `http://${plain}`, 'http://weir.local/proxy.pac');
  const socks = moved.weir.proxyAddresses.find((address) => address.startsWith('socks5://'))!;
  expect(body.toString()).toContain(`"PROXY ${plain}; SOCKS5 ${socks.slice('socks5://'.length)}"`);
});

describe('the dashboard', () => {
  test.each([
    '/setup',
    '/setup.js',
    '/ca.pem',
    '/ca.der',
    '/ca.mobileconfig',
    '/ca.p12',
    '/proxy.pac',
    '/wpad.dat',
  ])('serves %s without a token, under any Host', async (path) => {
    const { status, body } = await dashboard(path, { host: 'wpad.corp.test' });
    expect(status).toBe(200);
    expect(body.length).toBeGreaterThan(100);
  });

  test('gives the same certificate in each form', async () => {
    const der = new X509Certificate(weir.ca).raw;
    expect((await dashboard('/ca.pem')).body.toString()).toBe(new X509Certificate(weir.ca).toString());
    const file = await dashboard('/ca.der');
    expect(file.body.equals(der)).toBe(true);
    expect(file.headers).toMatchObject({ 'content-type': 'application/x-x509-ca-cert' });
    const profile = (await dashboard('/ca.mobileconfig')).body.toString();
    expect(profile).toContain(`<data>${der.toString('base64')}</data>`);
    expect(profile).toContain('<string>com.apple.security.root</string>');
    expect(profile).not.toContain('PRIVATE');
  });

  test('its trust store opens in OpenSSL with the password shown, and holds no key', async () => {
    const file = await weir.folder.write('store.p12', (await dashboard('/ca.p12')).body);
    const openssl = requirePeer('openssl');
    const args = ['pkcs12', '-in', file, '-passin', 'pass:changeit', '-passout', 'pass:x'];
    const { stdout } = await run(openssl, args);
    expect(stdout).toContain(new X509Certificate(weir.ca).toString().trim());
    expect(stdout).not.toContain('KEY');
  });
});

describeWithPeer('keytool', () => {
  test('Java takes the trust store for one with a trusted certificate', async () => {
    const file = await weir.folder.write('java.p12', (await dashboard('/ca.p12')).body);
    const args = ['-list', '-keystore', file, '-storetype', 'PKCS12', '-storepass', 'changeit'];
    const { stdout } = await run(requirePeer('keytool'), args);
    expect(stdout).toContain('trustedCertEntry');
    expect(stdout).toContain(new X509Certificate(weir.ca).fingerprint256);
  });
});

describe('/proxy.pac', () => {
  const find = async (host: string): Promise<unknown> => {
    const { body, headers } = await dashboard('/proxy.pac');
    expect(headers['content-type']).toBe('application/x-ns-proxy-autoconfig');
    const dnsDomainIs = (name: string, domain: string): boolean => name.endsWith(domain);
    const script = `${body.toString()}\nFindProxyForURL(${JSON.stringify(`http://${host}/`)}, ${JSON.stringify(host)})`;
    return runInNewContext(script, { dnsDomainIs }, { timeout: 1000 });
  };

  test.each(['localhost', 'a.localhost', '127.0.0.1', '127.8.8.8', '169.254.1.2', '::1', 'fe80::1'])(
    '%s is not the business of a proxy',
    async (host) => {
      expect(await find(host)).toBe('DIRECT');
    },
  );

  // Also what the rules terminate, deny or splice: the proxy decides, and says why.
  test.each(['example.com', 'weir.local', 'printer.local', '10.0.0.1', 'fe80.example', 'intranet'])(
    '%s goes through the proxy, and nowhere else when that is down',
    async (host) => {
      expect(await find(host)).toBe(`PROXY 127.0.0.1:${weir.proxyPort}`);
    },
  );

  test('sends past the proxy what proxy.pac.direct names, also after a reload, and never the set-up page', async () => {
    const direct = ['*.intranet.example', 'host.example', '2001:db8::7', 'weir.local'];
    await using other = await startTestWeir({ proxy: { pac: { direct } } });
    const ways = async (hosts: readonly string[]): Promise<unknown[]> => {
      const { body } = await other.curl(
        '-x',
        `http://127.0.0.1:${other.proxyPort}`,
        'http://weir.local/proxy.pac',
      );
      const dnsDomainIs = (name: string, domain: string): boolean => name.endsWith(domain);
      return hosts.map((host) =>
        runInNewContext(`${body.toString()}\nFindProxyForURL('', ${JSON.stringify(host)})`, { dnsDomainIs }),
      );
    };
    const proxy = `PROXY 127.0.0.1:${other.proxyPort}`;
    const hosts = ['a.intranet.example', 'host.example', '[2001:db8::7]', 'a.host.example', 'weir.local'];
    expect(await ways(hosts)).toEqual(['DIRECT', 'DIRECT', 'DIRECT', proxy, proxy]);
    await other.reload({ proxy: { pac: { direct: ['a.host.example'] } } });
    expect(await ways(hosts)).toEqual([proxy, proxy, proxy, 'DIRECT', proxy]);
    await expect(other.reload({ proxy: { pac: { direct: ['*'] } } })).rejects.toMatchObject({
      message: expect.stringContaining('not all hosts') as unknown as string,
    });
  });
});
