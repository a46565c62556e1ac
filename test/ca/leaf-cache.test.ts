import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, isIP } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { checkServerIdentity, connect, createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { ConnectionOptions, DetailedPeerCertificate, SecureContext, SecureVersion } from 'node:tls';

import { beforeAll, describe, expect, test } from '@jest/globals';

import { CertificateAuthority } from '../../src/ca/authority.ts';
import { LeafContexts } from '../../src/ca/leaf-cache.ts';
import type { LeafTls } from '../../src/ca/leaf-cache.ts';
import { LeafKeys } from '../../src/ca/leaf-keys.ts';
import { opensslCertificate, temporaryFolder } from './pki.ts';

const HOUR_MS = 3_600_000;
const LONG_NAME = `${'a'.repeat(44)}.${'b'.repeat(43)}.example.com`;

let ca: CertificateAuthority;

beforeAll(async () => {
  await using folder = await temporaryFolder();
  ({ ca } = await CertificateAuthority.loadOrCreate(folder.path));
});

/** The certificate that a client gets which trusts `trusted` alone and wants to speak to `name`. */
async function handshake(
  context: SecureContext | LeafTls,
  name: string,
  trusted: string,
  version: SecureVersion = 'TLSv1.3',
): Promise<DetailedPeerCertificate> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined); // a client that refuses hangs up
    const secureContext = typeof context === 'function' ? context() : context;
    new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const options: ConnectionOptions = {
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    ca: trusted,
    minVersion: version,
    maxVersion: version,
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_, certificate) => identityError(name, certificate as DetailedPeerCertificate),
  };
  const client = connect(options);
  try {
    await once(client, 'secureConnect');
    return client.getPeerCertificate(true);
  } finally {
    client.destroy();
    server.close();
  }
}

/** As node's own check, which in 22.23 takes no IPv6 address for one. */
function identityError(name: string, certificate: DetailedPeerCertificate): Error | undefined {
  if (isIP(name) === 0) return checkServerIdentity(name, certificate);
  return new X509Certificate(certificate.raw).checkIP(name) === undefined
    ? new Error(`not for ${name}`)
    : undefined;
}

describe('a context', () => {
  test.each([
    ['example.com'],
    ['192.0.2.1'],
    ['2001:db8::1'],
    [LONG_NAME],
    ['xn--bcher-kva.example'],
    ['a_b.example.com'],
  ])('convinces a client that trusts only the CA: %s', async (name) => {
    const contexts = new LeafContexts(ca);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const certificate = await handshake(contexts.contextFor(name), name, ca.certificatePem, version);
      expect(certificate.subjectaltname).toMatch(/^(DNS|IP Address):/);
    }
  });

  test('does not convince a client that wants another name, or does not know the CA', async () => {
    const context = new LeafContexts(ca).contextFor('example.com');
    await expect(handshake(context, 'other.example', ca.certificatePem)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    const stranger = await opensslCertificate();
    await expect(handshake(context, 'example.com', stranger.certificatePem)).rejects.toMatchObject({
      code: expect.stringMatching(/UNABLE_TO/) as unknown as string,
    });
  });

  test('of an intermediate CA brings that along, for a client that knows the root only', async () => {
    await using folder = await temporaryFolder();
    const root = await opensslCertificate({ subject: '/CN=Root', newKey: ['rsa:2048'] });
    const between = await opensslCertificate({ subject: '/CN=Between', issuer: root });
    const imported = await CertificateAuthority.import(folder.path, between);
    const context = new LeafContexts(imported).contextFor('example.com');
    const certificate = await handshake(context, 'example.com', root.certificatePem);
    expect(certificate.issuerCertificate.subject.CN).toBe('Between');
    expect(certificate.issuerCertificate.issuerCertificate.subject.CN).toBe('Root');
  });

  test('serves an SNI callback, and takes further options', async () => {
    const contexts = new LeafContexts(ca, { secureOptions: { minVersion: 'TLSv1.3' } });
    const server = createTlsServer({ SNICallback: (name, done) => done(null, contexts.contextFor(name)) });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: '127.0.0.1', servername: 'Sni.Example', ca: ca.certificatePem });
    await once(client, 'secureConnect');
    expect(client.getPeerCertificate().subjectaltname).toBe('DNS:sni.example');
    client.destroy();
    server.close();
  });
});

describe('the cache', () => {
  test('gives one context for one name, however it is written', () => {
    const contexts = new LeafContexts(ca);
    const first = contexts.contextFor('example.com');
    expect(contexts.contextFor('example.com')).toBe(first);
    expect(contexts.contextFor('EXAMPLE.com')).toBe(first);
    expect(contexts.contextFor('example.com.')).toBe(first);
    expect(contexts.contextFor('www.example.com')).not.toBe(first);
    expect(contexts.size).toBe(2);
    contexts.clear();
    expect(contexts.size).toBe(0);
    expect(contexts.contextFor('example.com')).not.toBe(first);
  });

  test('holds no more than its bound, and drops the name unused longest', () => {
    const contexts = new LeafContexts(ca, { max: 3 });
    const kept = contexts.contextFor('keep.example');
    for (let i = 0; i < 20; i++) {
      contexts.contextFor(`host${i}.example`);
      expect(contexts.contextFor('keep.example')).toBe(kept);
      expect(contexts.size).toBeLessThanOrEqual(3);
    }
  });

  test('renews a leaf 24 hours after minting', () => {
    let now = Date.now();
    const contexts = new LeafContexts(ca, { now: () => now });
    const first = contexts.contextFor('example.com');
    now += 24 * HOUR_MS - 1;
    expect(contexts.contextFor('example.com')).toBe(first);
    now += 1;
    expect(contexts.contextFor('example.com')).not.toBe(first);
    expect(contexts.size).toBe(1);
  });

  test('renews a leaf an hour before its end, when the CA ends soon', () => {
    let now = ca.notAfter.getTime() - 3 * HOUR_MS;
    const contexts = new LeafContexts(ca, { now: () => now });
    const first = contexts.contextFor('example.com');
    now += 2 * HOUR_MS - 1;
    expect(contexts.contextFor('example.com')).toBe(first);
    now += 1;
    expect(contexts.contextFor('example.com')).not.toBe(first);
  });

  test('renews a leaf that is not valid yet because the clock was set back', () => {
    let now = Date.now();
    const contexts = new LeafContexts(ca, { now: () => now });
    const first = contexts.contextFor('example.com');
    now -= 25 * HOUR_MS;
    expect(contexts.contextFor('example.com')).not.toBe(first);
  });

  test('keeps nothing for a name that is refused', () => {
    const contexts = new LeafContexts(ca);
    for (const name of ['', 'a b', '../x', 'a\0b']) {
      expect(() => contexts.contextFor(name)).toThrow(expect.objectContaining({ code: 'ERR_TLS_NAME' }));
    }
    expect(contexts.size).toBe(0);
  });

  test('makes a thousand contexts without a signature in JavaScript, which would take half a minute', () => {
    const contexts = new LeafContexts(ca);
    const started = process.cpuUsage();
    for (let i = 0; i < 1_000; i++) contexts.contextFor(`host${i}.example`);
    // Seen: 0.2 s on Node 22 and later, 0.7 s on Node 20 (OpenSSL 3.0 looks its decoders up each time).
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(5_000); // CPU, so that a busy machine does not count
  });
});

describe('wildcards', () => {
  test('let the sub-domains of one domain share a context', () => {
    const contexts = new LeafContexts(ca, { wildcards: true });
    const shared = contexts.contextFor('a.example.com');
    for (const name of ['b.example.com', 'example.com', 'C.Example.com.'])
      expect(contexts.contextFor(name)).toBe(shared);
    expect(contexts.contextFor('a.b.example.com')).not.toBe(shared);
    expect(contexts.size).toBe(2);
  });

  test('convince clients of each name that shares it, and of no other', async () => {
    const context = new LeafContexts(ca, { wildcards: true }).contextFor('a.example.com');
    for (const name of ['a.example.com', 'example.com', 'other.example.com']) {
      const certificate = await handshake(context, name, ca.certificatePem);
      expect(certificate.subjectaltname).toBe('DNS:example.com, DNS:*.example.com');
    }
    await expect(handshake(context, 'a.b.example.com', ca.certificatePem)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  test('do not mix a name that has a leaf of its own with the parent of others', async () => {
    const contexts = new LeafContexts(ca, { wildcards: true });
    contexts.contextFor('x_y.example.com'); // a label that wildcards do not cover
    const below = contexts.contextFor('a.x_y.example.com');
    const certificate = await handshake(below, 'a.x_y.example.com', ca.certificatePem);
    expect(certificate.subjectaltname).toBe('DNS:x_y.example.com, DNS:*.x_y.example.com');
  });
});

describe('an RSA leaf', () => {
  test('waits for its key once, and is accepted for its name', async () => {
    const contexts = new LeafContexts(ca, { keys: LeafKeys.unkept() });
    const first = contexts.rsaLeafFor('example.com');
    expect(first).toBeInstanceOf(Promise);
    const again = contexts.rsaLeafFor('example.com');
    expect(leafOf((await again)())).toBe(leafOf((await first)()));
    expect(leafOf((contexts.rsaLeafFor('example.com') as LeafTls)())).toBe(leafOf((await first)()));
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const certificate = await handshake(await first, 'example.com', ca.certificatePem, version);
      expect(certificate.bits).toBe(2048);
    }
    expect(leafOf(contexts.contextFor('example.com'))).not.toBe(leafOf((await first)()));
  });
});

describe('names that are met for the first time', () => {
  test('share a context, and each client gets the certificate of its own name', async () => {
    const contexts = new LeafContexts(ca);
    const [one, two] = ['one.example', 'two.example'].map((name) => contexts.leafFor(name));
    expect(one!()).toBe(two!());
    const names = ['a.example', 'b.example', 'c.example', 'd.example'];
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const leafs = names.map((name) => contexts.leafFor(name)); // asked for all at once, as by tunnels
      const got = await Promise.all(
        names.map((name, index) => handshake(leafs[index]!, name, ca.certificatePem, version)),
      );
      expect(got.map(({ subjectaltname }) => subjectaltname)).toEqual(names.map((name) => `DNS:${name}`));
    }
  });

  test('get the certificate that the context bore when the connection was made', async () => {
    const contexts = new LeafContexts(ca);
    const [one, two] = ['one.example', 'two.example'].map((name) => contexts.leafFor(name));
    const between = (): SecureContext => {
      const context = one!();
      setImmediate(two!); // while the hello of the client is still under way
      return context;
    };
    const certificate = await handshake(between, 'one.example', ca.certificatePem, 'TLSv1.2');
    expect(certificate.subjectaltname).toBe('DNS:one.example');
  });

  test('have a context of their own from the third handshake on', () => {
    const contexts = new LeafContexts(ca);
    const shared = contexts.leafFor('stranger.example')();
    const leaf = contexts.leafFor('example.com');
    expect([leaf(), leaf()]).toEqual([shared, shared]);
    const own = leaf();
    expect(own).not.toBe(shared);
    expect(contexts.leafFor('example.com')()).toBe(own);
    expect(contexts.contextFor('example.com')).toBe(own);
    expect(contexts.uses).toEqual({ hits: 2, misses: 2 });
  });

  test('bring an intermediate CA along', async () => {
    await using folder = await temporaryFolder();
    const root = await opensslCertificate({ subject: '/CN=Root', newKey: ['rsa:2048'] });
    const between = await opensslCertificate({ subject: '/CN=Between', issuer: root });
    const contexts = new LeafContexts(await CertificateAuthority.import(folder.path, between));
    for (const name of ['one.example', 'two.example']) {
      const certificate = await handshake(contexts.leafFor(name), name, root.certificatePem);
      expect(certificate.issuerCertificate.subject.CN).toBe('Between');
    }
  });

  test('get new keys for session tickets in time', () => {
    let now = Date.now();
    const contexts = new LeafContexts(ca, { now: () => now });
    const first = contexts.leafFor('one.example')();
    now += 13 * HOUR_MS;
    expect(contexts.leafFor('two.example')()).not.toBe(first);
  });
});

/** SHA-256 of the leaf that a context bears now. */
function leafOf({ context }: SecureContext): string {
  return new X509Certificate((context as { getCertificate(): Buffer }).getCertificate()).fingerprint256;
}
