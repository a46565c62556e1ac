// What a client sees of an origin that cannot be verified: the page, the way on from it, the mirrored leaf.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:https';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LocalWeir } from '../../support/weir.ts';
import { startTestWeir } from '../../support/weir.ts';
import { tempDirForFile } from '../../support/tempDir.ts';
import type { Certificate } from './pki.ts';
import { makeCertificate } from './pki.ts';

const run = promisify(execFile);
const NAVIGATION = [
  '-H',
  'Accept: text/html',
  '-H',
  'Sec-Fetch-Mode: navigate',
  '-H',
  'Sec-Fetch-Dest: document',
];

let weir: LocalWeir;
let root: Certificate;
/** Ports by what is wrong with the origin. */
const ports: Record<string, number> = {};
const servers: { close(): void; closeAllConnections(): void }[] = [];
const seen: { path: string; cookie: string | undefined }[] = [];

const answer: RequestListener = (request, response) => {
  seen.push({ path: request.url!, cookie: request.headers.cookie });
  response.end(`this is ${request.headers.host!.split(':')[0]!}`);
};

async function origin(name: string, certificate: Certificate): Promise<void> {
  const server = createServer({ key: certificate.key, cert: certificate.cert }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ports[name] = (server.address() as AddressInfo).port;
  servers.push(server);
}

/** The same for every host: `https://block.test:port` is that origin under the rule `block`. */
const url = (host: string, fault: string, path = '/'): string =>
  `https://${host}.test:${ports[fault]!}${path}`;

beforeAll(async () => {
  const names = ['block.test', 'warn.test', 'mirror.test', '*.block.test', '*.warn.test', '*.mirror.test'];
  root = makeCertificate({ subject: 'Trusted Root', ca: true, to: 30 });
  await origin('good', makeCertificate({ subject: 'good', names, issuer: root }));
  await origin('expired', makeCertificate({ subject: 'expired', names, issuer: root, from: -9, to: -2 }));
  await origin('self-signed', makeCertificate({ subject: 'self-signed', names }));
  await origin('wrong-host', makeCertificate({ subject: 'other.test', names: ['other.test'], issuer: root }));
  const folder = await tempDirForFile('weir-trust-');
  const { writeFile } = await import('node:fs/promises');
  await writeFile(`${folder}/root.pem`, root.cert);
  weir = await startTestWeir({
    proxy: {
      upstream: {
        trust: [`${folder}/root.pem`],
        onCertError: [
          { hosts: ['warn.test', '*.warn.test'], action: 'warn' },
          { hosts: ['mirror.test', '*.mirror.test'], action: 'mirror' },
        ],
      },
    },
  });
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

describe('block, the default', () => {
  test.each([
    ['expired', /It expired on \d{4}-\d\d-\d\d\./],
    ['self-signed', /The site has issued it to itself \(self-signed\)\./],
    ['wrong-host', /It is not valid for block\.test, only for DNS:other\.test\./],
  ])('explains a certificate that is %s, and does not let anybody by', async (fault, words) => {
    const { status, body, header } = await weir.curl(...NAVIGATION, url('block', fault));
    const page = body.toString();
    expect(status).toBe(502);
    expect(page).toMatch(words);
    expect(page).toMatch(/Issued by.*Valid until.*SHA-256/s);
    expect(page).not.toContain('<form');
    expect(header('content-security-policy')).toContain("form-action 'none'");
    const [record] = await weir.logged(
      ({ kind, url: asked }) => kind === 'proxy' && asked === url('block', fault),
    );
    expect(record!.error).toMatchObject({ code: 'ERR_ORIGIN_UNTRUSTED' });
  });

  test('tells programs in JSON what is wrong with which certificate', async () => {
    const { body } = await weir.curl('-H', 'Accept: application/json', url('block', 'expired'));
    expect(JSON.parse(body.toString())).toMatchObject({
      error: 'ERR_ORIGIN_UNTRUSTED',
      faults: [expect.stringMatching(/^it expired/)],
      certificate: {
        subject: 'CN=expired',
        issuer: 'CN=Trusted Root',
        fingerprint: expect.stringMatching(/^[0-9A-F:]{95}$/),
      },
    });
  });

  test('has nothing to say against a good one', async () => {
    const { status, body } = await weir.curl(url('block', 'good'));
    expect([status, body.toString()]).toEqual([200, 'this is block.test']);
  });
});

describe('warn', () => {
  const tokenOf = (body: Buffer): string => /name="token" value="([^"]+)"/.exec(body.toString())![1]!;
  const ask = (token: string): string => `/.well-known/weir/certificate?token=${encodeURIComponent(token)}`;

  test('lets a browser go on, for this site and certificate, and keeps the decision from the site', async () => {
    const page = await weir.curl(...NAVIGATION, url('warn', 'expired', '/deep?a=b'));
    expect(page.status).toBe(502);
    expect(page.header('content-security-policy')).toMatch(/form-action 'self'.*frame-ancestors 'none'/);
    const decided = await weir.curl(url('warn', 'expired', ask(tokenOf(page.body))));
    expect([decided.status, decided.header('location')]).toEqual([303, '/deep?a=b']);
    const cookie = decided.header('set-cookie')!;
    expect(cookie).toMatch(
      /^__Host-weir-certificate-\d+=[\w.-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600$/,
    );
    const pass = cookie.split(';', 1)[0]!;
    const there = await weir.curl('-H', `Cookie: a=1; ${pass}; b=2`, url('warn', 'expired', '/there'));
    expect(there.body.toString()).toBe('this is warn.test');
    expect(seen.find(({ path }) => path === '/there')).toEqual({ path: '/there', cookie: 'a=1; b=2' });
    // Another certificate of the same host, or another host: asked again.
    for (const elsewhere of [url('warn', 'self-signed'), url('a.warn', 'expired')]) {
      expect((await weir.curl('-H', `Cookie: ${pass}`, elsewhere)).status).toBe(502);
    }
    // And without the cookie nothing has changed, whatever connections there are.
    expect((await weir.curl(url('warn', 'expired'))).status).toBe(502);
    const [event] = await weir.logged((one) => /a user goes on/.test(one.msg ?? ''));
    expect(event).toMatchObject({ client: '127.0.0.1', host: 'warn.test' });
  });

  test('gives programs, frames and pictures the error without a way on', async () => {
    const notDocument = [
      '-H',
      'Accept: text/html',
      '-H',
      'Sec-Fetch-Mode: navigate',
      '-H',
      'Sec-Fetch-Dest: iframe',
    ];
    for (const headers of [[], notDocument, [...NAVIGATION, '-X', 'POST'], ['-H', 'Accept: image/png']]) {
      const { status, body } = await weir.curl(...headers, url('warn', 'expired'));
      expect(status).toBe(502);
      expect(body.toString()).not.toContain('<form');
    }
  });

  test('never leads to another host', async () => {
    const page = await weir.curl('--path-as-is', ...NAVIGATION, url('warn', 'expired', '//evil.test/x'));
    const decided = await weir.curl(url('warn', 'expired', ask(tokenOf(page.body))));
    expect(decided.header('location')).toBe('/');
  });

  test('refuses a decision that is forged, for another host, or of another kind', async () => {
    const page = await weir.curl(...NAVIGATION, url('warn', 'expired'));
    const token = tokenOf(page.body);
    const [payload = '', seal = ''] = token.split('.');
    const changed = Buffer.from(payload, 'base64url').toString().replace('warn.test', 'warn.tesu');
    const forged = `${Buffer.from(changed).toString('base64url')}.${seal}`;
    const attempts = [
      url('warn', 'expired', ask(forged)),
      url('warn', 'expired', ask('x')),
      url('a.warn', 'expired', ask(token)),
    ];
    for (const attempt of attempts) {
      const { status, header } = await weir.curl(attempt);
      expect([status, header('set-cookie')]).toEqual([502, undefined]);
    }
    const port = ports['expired']!;
    const asCookie = await weir.curl(
      '-H',
      `Cookie: __Host-weir-certificate-${port}=${token}`,
      url('warn', 'expired'),
    );
    expect(asCookie.status).toBe(502);
  });

  test('does not touch what it is not for', async () => {
    const pass = '__Host-weir-certificate-1=x';
    await weir.curl('-H', `Cookie: ${pass}`, url('block', 'good', '/kept'));
    expect(seen.find(({ path }) => path === '/kept')!.cookie).toBe(pass);
  });
});

describe('mirror', () => {
  test.each(['expired', 'self-signed', 'wrong-host'])(
    'shows clients a certificate that they do not trust either: %s',
    async (fault) => {
      const refused = await weir.curl(url('mirror', fault));
      expect(refused.exitCode).toBe(60); // untrusted certificate
      const through = await weir.curl('--insecure', url('mirror', fault));
      expect(through.body.toString()).toBe('this is mirror.test');
    },
  );

  test('with the names and times of the one of the site', async () => {
    const leaf = await leafAt('mirror.test', ports['expired']!);
    expect(leaf.subject).toBe('CN=expired');
    expect(leaf.subjectAltName).toContain('DNS:mirror.test, ');
    expect(Date.parse(leaf.validTo)).toBeLessThan(Date.now());
    expect(leaf.issuer).toMatch(/^CN=Weir: /);
    expect(leaf.verify(new X509Certificate(weir.ca).publicKey)).toBe(false);
  });

  test('leaves sites alone whose certificate is good', async () => {
    const { status, body } = await weir.curl(url('mirror', 'good'));
    expect([status, body.toString()]).toEqual([200, 'this is mirror.test']);
    const leaf = await leafAt('mirror.test', ports['good']!);
    expect(leaf.verify(new X509Certificate(weir.ca).publicKey)).toBe(true);
  });

  test('is logged once for the tunnels of a while', async () => {
    const events = await weir.logged((one) => /is mirrored to clients/.test(one.msg ?? ''), 3);
    expect(events).toHaveLength(3);
    expect(events.map(({ faults }) => faults).sort()).toEqual(['expired', 'self-signed', 'wrong-host']);
  });

  test('answers with a page where the origin cannot be reached at all', async () => {
    const { status, body } = await weir.curl('https://mirror.test:9/');
    expect(status).toBe(502);
    expect(body.toString()).toContain('ERR_ORIGIN_UNREACHABLE');
  });
});

/** The leaf that openssl gets for a name through the proxy. */
async function leafAt(host: string, port: number, ...more: string[]): Promise<X509Certificate> {
  return new X509Certificate(
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(await client(host, port, ...more))![0],
  );
}

async function client(host: string, port: number, ...more: string[]): Promise<string> {
  const to = ['-proxy', `127.0.0.1:${weir.proxyPort}`, '-connect', `${host}:${port}`, '-servername', host];
  const child = run('openssl', ['s_client', '-ign_eof', ...to, ...more], { timeout: 20_000 });
  // A request, as TLS 1.3 sends sessions behind the handshake.
  child.child.stdin?.end(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const { stdout } = await child;
  return stdout;
}

describe('leafs', () => {
  const port = (): number => ports['good']!;

  test('are ECDSA, and RSA for clients that know nothing else, with one key for all of these', async () => {
    const ec = await leafAt('block.test', port());
    expect(ec.publicKey.asymmetricKeyType).toBe('ec');
    const rsaSuites = ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'];
    const first = await leafAt('block.test', port(), ...rsaSuites);
    const second = await leafAt('warn.test', port(), '-tls1_2', '-cipher', 'ECDHE-RSA-AES256-GCM-SHA384');
    expect(first.publicKey.asymmetricKeyType).toBe('rsa');
    expect(second.publicKey.equals(first.publicKey)).toBe(true);
    const modern = await leafAt('block.test', port(), '-sigalgs', 'RSA-PSS+SHA256:RSA+SHA256');
    expect(modern.publicKey.asymmetricKeyType).toBe('rsa');
    for (const leaf of [ec, first]) expect(leaf.verify(new X509Certificate(weir.ca).publicKey)).toBe(true);
  });

  test('are shared by the sub-domains of one domain', async () => {
    const leafs = await Promise.all(
      ['a.block.test', 'b.block.test', 'block.test'].map((host) => leafAt(host, port())),
    );
    expect(new Set(leafs.map(({ serialNumber }) => serialNumber)).size).toBe(1);
    expect(leafs[0]!.subjectAltName).toBe('DNS:block.test, DNS:*.block.test');
  });

  test.each(['-tls1_2', '-tls1_3'])(
    'come with sessions that clients resume in another tunnel: %s',
    async (version) => {
      const file = weir.folder.join(`session${version}`);
      expect(await client('block.test', port(), version, '-sess_out', file)).toMatch(/^New, /m);
      expect(await client('block.test', port(), version, '-sess_in', file)).toMatch(/^Reused, /m);
    },
  );
});
