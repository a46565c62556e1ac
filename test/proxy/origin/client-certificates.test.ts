// Origins that want to know their clients by certificate: what is shown to whom, and what is said when
// nothing fits.

import { expect, test } from '@jest/globals';
import type { TLSSocket } from 'node:tls';
import type { TestCertificate } from '../../support/testCa.ts';
import { newTestCa, testCa } from '../../support/testCa.ts';
import { ORIGIN_NAMES } from '../../support/originServer.ts';
import { requirePeer } from '../../support/peers/requirePeer.ts';
import { accepts, freePort, supervise } from '../../support/supervised.ts';
import { tempDir } from '../../support/tempDir.ts';
import type { ScriptedOrigin } from './engine-support.ts';
import { codeOf, requestTo, scriptedOrigin, startEngine, textOf } from './engine-support.ts';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

/** An origin that demands a certificate of testCa() and answers with its subject. */
async function demanding(version: (typeof VERSIONS)[number]): Promise<ScriptedOrigin> {
  const { cert } = await testCa();
  return scriptedOrigin(
    async (peer) => {
      await peer.until('\r\n\r\n');
      const { CN = 'nobody' } = (peer.socket as TLSSocket).getPeerCertificate().subject ?? {};
      peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${CN.length}\r\n\r\n${CN}`);
    },
    {
      tls: {
        requestCert: true,
        rejectUnauthorized: true,
        ca: cert,
        minVersion: version,
        maxVersion: version,
      },
    },
  );
}

const shown = (hosts: readonly string[], { cert, key }: TestCertificate) => ({
  hosts,
  cert,
  key,
  passphrase: null,
});

test.each(VERSIONS)('shows the certificate of the most specific pattern (%s)', async (version) => {
  const ca = await testCa();
  const clientCertificates = [
    shown(['*.origin.test', '*'], await ca.issue(['wide.client'])),
    shown(['a.origin.test'], await ca.issue(['narrow.client'])),
  ];
  await using origin = await demanding(version);
  using engine = await startEngine('native', { clientCertificates, hosts: { '*.test': '127.0.0.1' } });
  for (const [host, expected] of [
    ['a.origin.test', 'narrow.client'],
    ['b.origin.test', 'wide.client'],
    ['localhost', 'wide.client'],
  ] as const) {
    const response = await engine.send(requestTo(origin.port, { secure: true, host }));
    expect(await textOf(response)).toBe(expected);
  }
});

test.each(VERSIONS)('says that a site wants one when none is configured for it (%s)', async (version) => {
  const clientCertificates = [shown(['other.test'], await (await testCa()).issue(['a.client']))];
  await using origin = await demanding(version);
  for (const name of ['native', 'undici'] as const) {
    using engine = await startEngine(name, { clientCertificates });
    const error = await engine
      .send(requestTo(origin.port, { secure: true }))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_ORIGIN_CLIENT_CERT',
      message: expect.stringMatching(/^localhost asks for a client certificate and accepts none of ours: /),
    });
  }
});

test.each(VERSIONS)('says so when the one that is shown is not accepted (%s)', async (version) => {
  const ca = await testCa();
  await using folder = await tempDir();
  const leaf = await ca.issue(ORIGIN_NAMES);
  const cert = await folder.write('leaf.pem', leaf.cert);
  const key = await folder.write('leaf.key', leaf.key);
  const port = await freePort();
  // Node's own server accepts any certificate and hangs up later; OpenSSL's says what is wrong.
  await using origin = await supervise(
    requirePeer('openssl'),
    [
      ...['s_server', '-accept', `127.0.0.1:${port}`, '-cert', cert, '-key', key, '-www', '-quiet'],
      ...['-Verify', '2', '-verify_return_error', '-CAfile', ca.certPath],
      version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3',
    ],
    { ready: () => accepts(port), impatient: true },
  );
  const stranger = await (await newTestCa('strangers')).issue(['stranger.client']);
  using engine = await startEngine('native', { clientCertificates: [shown(['*'], stranger)] });
  expect(await codeOf(engine.send(requestTo(port, { secure: true })))).toBe('ERR_ORIGIN_CLIENT_CERT');
  expect(origin.ended()).toBe(false);
});

test('still verifies the origin', async () => {
  const clientCertificates = [shown(['*'], await (await testCa()).issue(['a.client']))];
  await using origin = await demanding('TLSv1.3');
  using engine = await startEngine('native', { clientCertificates });
  const sent = engine.send(requestTo(origin.port, { secure: true, serverName: 'other.example' }));
  expect(await codeOf(sent)).toBe('ERR_ORIGIN_UNTRUSTED');
});
