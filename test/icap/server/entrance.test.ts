// TLS and PROXY headers in front of the first request, over real sockets.

import { chmod, writeFile } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RawClient } from '../../support/rawClient.ts';
import { rawClient, rawClientOn } from '../../support/rawClient.ts';
import { tempDirForFile } from '../../support/tempDir.ts';
import type { TestCa } from '../../support/testCa.ts';
import { newTestCa, testCa } from '../../support/testCa.ts';
import { decodeAnswers } from '../../support/vectors.ts';
import type { Guarded } from './guarded.ts';
import { OPTIONS, REQMOD, startGuarded } from './guarded.ts';
import { binary, line } from './proxy-headers.ts';

const statuses = (bytes: Buffer): number[] => decodeAnswers(bytes).map(({ status }) => status);
const BALANCERS = ['127.0.0.1'];
const behind = (allow: string[], limits = {}): Promise<Guarded> =>
  startGuarded({ allow, limits }, { proxyProtocol: BALANCERS });

describe('PROXY header', () => {
  test.each([
    ['version 1', Buffer.from(line('192.0.2.7')), '192.0.2.7'],
    ['version 1 over IPv6', Buffer.from(line('2001:db8::7')), '2001:db8::7'],
    ['version 2', binary('192.0.2.7', 5), '192.0.2.7'],
    ['version 2 over IPv6', binary('2001:db8::7', 5), '2001:db8::7'],
    ['version 2 with a checksum', binary('192.0.2.7', 5, { checksum: true }), '192.0.2.7'],
  ])('%s: its client is allowed, logged and served', async (_, header, address) => {
    await using lab = await behind(['192.0.2.0/24', '2001:db8::/32']);
    await using client = await rawClient(lab.port);
    client.send(header, REQMOD + OPTIONS);
    await client.until(/204[^]*200 OK[^]*\r\n\r\n/);
    expect(lab.reports.map(({ transaction }) => transaction.icapClient)).toEqual([address]);
    expect(lab.refused).toEqual([]);
  });

  test('byte by byte, with the request right behind it', async () => {
    await using lab = await behind(['192.0.2.7']);
    await using client = await rawClient(lab.port);
    client.socket.setNoDelay(true);
    for (const byte of Buffer.concat([binary('192.0.2.7', 5), Buffer.from(OPTIONS)])) {
      client.send(Buffer.from([byte]));
    }
    expect(statuses(await client.until('\r\n\r\n'))).toEqual([200]);
  });

  test('S-403 its client is what gateway.allow is about, not the balancer', async () => {
    await using lab = await behind(['127.0.0.1']);
    await using client = await rawClient(lab.port);
    client.send(line('192.0.2.7'), OPTIONS);
    expect((await client.closed()).toString()).toContain('403 Forbidden: 192.0.2.7 is not in gateway.allow');
    expect(lab.refused).toMatchObject([{ peer: '192.0.2.7', error: { code: 'ERR_ICAP_FORBIDDEN' } }]);
  });

  test('LOCAL is served for the balancer itself, though it is not in gateway.allow', async () => {
    await using lab = await behind(['192.0.2.0/24']);
    await using client = await rawClient(lab.port);
    client.send(binary('', 0, { command: 0 }), REQMOD);
    expect(statuses(await client.until('\r\n\r\n'))).toEqual([204]);
    expect(lab.reports[0]?.transaction.icapClient).toBe('127.0.0.1');
  });

  test('a client that the balancer cannot name counts as the balancer', async () => {
    await using lab = await behind(['192.0.2.0/24']);
    await using client = await rawClient(lab.port);
    client.send('PROXY UNKNOWN\r\n', OPTIONS);
    expect(statuses(await client.closed())).toEqual([403]);
    expect(lab.refused).toMatchObject([{ peer: '127.0.0.1' }]);
  });

  test.each([
    ['is missing', OPTIONS],
    ['is malformed', 'PROXY TCP4 somewhere\r\n' + OPTIONS],
    ['has a wrong checksum', binary('192.0.2.7', 5, { checksum: true }).fill(9, 16, 17)],
  ])('a connection whose header %s is closed without a byte, and logged', async (_, bytes) => {
    await using lab = await behind(['127.0.0.1', '192.0.2.0/24']);
    await using client = await rawClient(lab.port);
    client.send(bytes);
    expect(await client.closed()).toHaveLength(0);
    expect(await lab.refusals(1)).toMatchObject([
      { peer: '127.0.0.1', error: { code: 'ERR_ICAP_PROXY_HEADER' } },
    ]);
  });

  test('from outside the trusted networks nothing is accepted, header or not', async () => {
    await using lab = await startGuarded({ allow: ['127.0.0.1'] }, { proxyProtocol: ['192.0.2.0/24'] });
    for (const bytes of [line('127.0.0.1') + OPTIONS, OPTIONS]) {
      await using client = await rawClient(lab.port);
      client.send(bytes);
      expect(await client.closed()).toHaveLength(0);
    }
    const refused = await lab.refusals(2);
    expect(refused[0]!.error.message).toBe('127.0.0.1 is none of the balancers in proxyProtocol');
  });

  test('a connection that sends nothing, or half a header, is closed in time', async () => {
    await using lab = await behind(['192.0.2.0/24'], { handshakeTimeoutMs: 300 });
    await using silent = await rawClient(lab.port);
    await using slow = await rawClient(lab.port);
    slow.send('PROXY TCP4 192.');
    expect(await silent.closed()).toHaveLength(0);
    expect(await slow.closed()).toHaveLength(0);
    expect((await lab.refusals(2)).map(({ error }) => error.message)).toEqual(
      Array(2).fill('no complete PROXY header in time'),
    );
  });

  test('a port probe that sends nothing is not worth a line', async () => {
    await using lab = await behind(['192.0.2.0/24']);
    await using probe = await rawClient(lab.port);
    probe.end();
    await probe.closed();
    await using half = await rawClient(lab.port);
    half.send('PROXY T');
    half.end();
    await half.closed();
    expect((await lab.refusals(1)).map(({ error }) => error.message)).toEqual([
      'no valid PROXY header: the connection ended in it',
    ]);
  });

  test('a stop does not wait for headers that do not come', async () => {
    const lab = await behind(['192.0.2.0/24']);
    await using client = await rawClient(lab.port);
    client.send('PROXY ');
    await lab.server.close(60_000);
    expect(await client.closed()).toHaveLength(0);
  });

  test('connections that wait for their header are bounded', async () => {
    await using lab = await behind(['192.0.2.0/24'], { connections: 2 });
    const clients = [];
    for (let i = 0; i < 4; i++) clients.push(await rawClient(lab.port));
    expect(await lab.refusals(2)).toMatchObject([
      { error: { code: 'ERR_ICAP_OVERLOADED' } },
      { error: { code: 'ERR_ICAP_OVERLOADED' } },
    ]);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
});

describe('icaps', () => {
  let ca: TestCa;
  let strangers: TestCa;
  let folder: string;
  let clientCert: { cert: string; key: string };

  const files = (clientCa: boolean) => ({
    cert: `${folder}/server.pem`,
    key: `${folder}/server.key`,
    clientCa: clientCa ? ca.certPath : null,
  });
  const client = (port: number, options: tls.ConnectionOptions = {}) =>
    rawClient(port, { tls: { ca: ca.cert, servername: 'localhost', ...options } });

  beforeAll(async () => {
    ca = await testCa();
    strangers = await newTestCa('Strangers');
    folder = await tempDirForFile('weir-icaps-');
    const { cert, key } = await ca.issue(['localhost', '127.0.0.1']);
    await writeFile(`${folder}/server.pem`, cert);
    await writeFile(`${folder}/server.key`, key, { mode: 0o600 });
    clientCert = await ca.issue(['squid.test']);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('serves requests over %s', async (version) => {
    await using lab = await startGuarded({}, { tls: files(false) });
    await using secure = await client(lab.port, { minVersion: version, maxVersion: version });
    secure.send(REQMOD + OPTIONS);
    await secure.until(/204[^]*200 OK[^]*\r\n\r\n/);
    expect(lab.reports[0]?.transaction).toMatchObject({ icapClient: '127.0.0.1', icapCertificate: null });
    expect(lab.server.connections).toBe(1);
  });

  test('an orderly close reaches the client with the whole answer before it', async () => {
    await using lab = await startGuarded({}, { tls: files(false) });
    await using secure = await client(lab.port);
    secure.send(OPTIONS.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    expect(statuses(await secure.closed())).toEqual([200]);
    expect(secure.error()).toBeNull();
  });

  test('refuses TLS 1.1, and says why in the log', async () => {
    await using lab = await startGuarded({}, { tls: files(false) });
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await expect(client(lab.port, old)).rejects.toThrow();
    const [{ peer, error }] = (await lab.refusals(1)) as [Guarded['refused'][number]];
    expect(peer).toBe('127.0.0.1');
    expect(error).toMatchObject({
      code: 'ERR_ICAP_TLS',
      message: expect.stringMatching(/^TLS handshake failed: unsupported protocol/),
    });
    expect(error.remedy).toContain('TLS 1.2 or later');
  });

  test('a client that speaks plain ICAP here is closed, with a line in the log', async () => {
    await using lab = await startGuarded({}, { tls: files(false) });
    await using plain = await rawClient(lab.port);
    plain.send(OPTIONS);
    await plain.closed();
    expect(await lab.refusals(1)).toMatchObject([{ error: { code: 'ERR_ICAP_TLS' } }]);
  });

  test('a client that does not trust the certificate is told of in the log', async () => {
    await using lab = await startGuarded({}, { tls: files(false) });
    await expect(client(lab.port, { ca: strangers.cert })).rejects.toThrow();
    expect(await lab.refusals(1)).toMatchObject([{ peer: '127.0.0.1', error: { code: 'ERR_ICAP_TLS' } }]);
  });

  test('S-403 with a client CA a client without a certificate is refused', async () => {
    await using lab = await startGuarded({}, { tls: files(true) });
    await using secure = await client(lab.port);
    secure.send(OPTIONS);
    expect((await secure.closed()).toString()).toContain('403 Forbidden: a client certificate is required');
    expect(lab.refused).toMatchObject([{ error: { code: 'ERR_ICAP_FORBIDDEN' } }]);
    expect(lab.reports).toEqual([]);
  });

  test('S-403 so are one of another CA and one that has expired', async () => {
    await using lab = await startGuarded({}, { tls: files(true) });
    for (const shown of [
      await strangers.issue(['squid.test']),
      await ca.issue(['squid.test'], { days: 0 }),
    ]) {
      await using secure = await client(lab.port, shown);
      secure.send(REQMOD);
      expect((await secure.closed()).toString()).toMatch(
        /403 Forbidden: the client certificate is not accepted \([A-Z_]+\)/,
      );
    }
    expect(lab.reports).toEqual([]);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a client with a certificate of the CA is served over %s, its subject known',
    async (version) => {
      await using lab = await startGuarded({}, { tls: files(true) });
      await using secure = await client(lab.port, {
        ...clientCert,
        minVersion: version,
        maxVersion: version,
      });
      secure.send(REQMOD);
      expect(statuses(await secure.until('\r\n\r\n'))).toEqual([204]);
      expect(lab.reports[0]?.transaction.icapCertificate).toBe('CN=squid.test');
    },
  );

  test('a resumed session still needs, and knows, its certificate', async () => {
    await using lab = await startGuarded({}, { tls: files(true) });
    const options = { maxVersion: 'TLSv1.2', ...clientCert } as const;
    await using first = await client(lab.port, options);
    first.send(REQMOD);
    await first.until('\r\n\r\n');
    const session = (first.socket as tls.TLSSocket).getSession()!;
    await using second = await client(lab.port, { ...options, session });
    expect((second.socket as tls.TLSSocket).isSessionReused()).toBe(true);
    second.send(REQMOD);
    expect(statuses(await second.until('\r\n\r\n'))).toEqual([204]);
    expect(lab.reports.map(({ transaction }) => transaction.icapCertificate)).toEqual(
      Array(2).fill('CN=squid.test'),
    );
  });

  test('a client outside gateway.allow gets no handshake', async () => {
    await using lab = await startGuarded({ allow: ['192.0.2.0/24'] }, { tls: files(false) });
    await expect(client(lab.port)).rejects.toThrow();
    expect(await lab.refusals(1)).toMatchObject([
      { peer: '127.0.0.1', error: { code: 'ERR_ICAP_FORBIDDEN' } },
    ]);
  });

  test.each([
    ['whole', (socket: net.Socket, header: Buffer) => void socket.write(header)],
    [
      'byte by byte',
      (socket: net.Socket, header: Buffer) => {
        for (const byte of header) socket.write(Buffer.from([byte]));
      },
    ],
  ])('behind a balancer the PROXY header comes before TLS, %s', async (_, send) => {
    const security = { tls: files(true), proxyProtocol: BALANCERS };
    await using lab = await startGuarded({ allow: ['192.0.2.0/24'] }, security);
    const socket = net.connect({ port: lab.port, host: '127.0.0.1', noDelay: true });
    send(socket, binary('192.0.2.7', 5));
    const secure = tls.connect({ socket, ca: ca.cert, servername: 'localhost', ...clientCert });
    await using raw = rawClientOn(secure);
    raw.send(REQMOD);
    expect(statuses(await raw.until('\r\n\r\n'))).toEqual([204]);
    expect(lab.reports[0]?.transaction).toMatchObject({
      icapClient: '192.0.2.7',
      icapCertificate: 'CN=squid.test',
    });
  });

  test('header and ClientHello in one segment', async () => {
    await using lab = await startGuarded({}, { tls: files(false), proxyProtocol: BALANCERS });
    const hello = await clientHello();
    await using both = await rawClient(lab.port);
    both.send(Buffer.concat([binary('192.0.2.7', 5), hello]));
    const answer = await both.until((received) => received.length > 5);
    expect(answer.subarray(0, 2)).toEqual(Buffer.from([0x16, 0x03])); // a handshake record
  });

  test('a handshake that is not completed in time ends the connection', async () => {
    await using lab = await startGuarded({ limits: { handshakeTimeoutMs: 300 } }, { tls: files(false) });
    await using half = await rawClient(lab.port);
    half.send((await clientHello()).subarray(0, 20));
    await half.closed();
    expect(await lab.refusals(1)).toMatchObject([
      { error: { code: 'ERR_ICAP_TLS', message: 'no complete TLS handshake in time' } },
    ]);
  });

  test('connections in the handshake are bounded and leave room when they go', async () => {
    await using lab = await startGuarded({ limits: { connections: 1 } }, { tls: files(false) });
    const first = await rawClient(lab.port);
    await using second = await rawClient(lab.port);
    await second.closed();
    expect(await lab.refusals(1)).toMatchObject([{ error: { code: 'ERR_ICAP_OVERLOADED' } }]);
    await first[Symbol.asyncDispose]();
    const retry = async (): Promise<RawClient> => client(lab.port).catch(retry); // until the server has seen it
    await using third = await retry();
    third.send(OPTIONS);
    expect(statuses(await third.until('\r\n\r\n'))).toEqual([200]);
  });

  test('reloadTls: new connections get the new certificate, the open one goes on', async () => {
    const own = await tempDirForFile('weir-reload-');
    const replace = async (from: TestCa): Promise<void> => {
      const { cert, key } = await from.issue(['localhost']);
      await writeFile(`${own}/cert`, cert);
      await writeFile(`${own}/key`, key, { mode: 0o600 });
    };
    await replace(ca);
    const tlsFiles = { cert: `${own}/cert`, key: `${own}/key`, clientCa: null };
    await using lab = await startGuarded({}, { tls: tlsFiles });
    await using before = await client(lab.port);
    before.send(OPTIONS);
    await before.until('\r\n\r\n');

    await writeFile(`${own}/cert`, 'no certificate');
    expect(() => lab.server.reloadTls()).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }));
    await using same = await client(lab.port);
    same.send(OPTIONS);
    expect(statuses(await same.until('\r\n\r\n'))).toEqual([200]);

    await replace(strangers);
    lab.server.reloadTls();
    await using after = await client(lab.port, { ca: strangers.cert });
    for (const open of [before, after]) {
      open.send(REQMOD);
      await open.until('204');
    }
    await expect(client(lab.port)).rejects.toThrow();
  });

  describe('files', () => {
    const start = (tlsFiles: Parameters<typeof startGuarded>[1]) => startGuarded({}, tlsFiles);

    test.each([
      [
        'a certificate that is not there',
        { cert: '/nowhere/cert' },
        'ERR_CONFIG_UNREADABLE',
        '/nowhere/cert',
      ],
      ['a key that is not there', { key: '/nowhere/key' }, 'ERR_CONFIG_UNREADABLE', '/nowhere/key'],
      ['a client CA that is not there', { clientCa: '/nowhere/ca' }, 'ERR_CONFIG_UNREADABLE', '/nowhere/ca'],
    ])('%s is told by name', async (_, change, code, name) => {
      const started = start({ tls: { ...files(false), ...change } });
      await expect(started).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
    });

    test('what is no PEM, or a key of another certificate, is told', async () => {
      await writeFile(`${folder}/text`, 'hello');
      await writeFile(`${folder}/other.key`, clientCert.key);
      for (const [change, message] of [
        [{ cert: `${folder}/text` }, /text: expected a PEM file with a certificate/],
        [{ key: `${folder}/text` }, /text: expected a PEM file with a private key without a passphrase/],
        [{ clientCa: `${folder}/text` }, /text: expected a PEM file with a certificate/],
        [{ key: `${folder}/other.key` }, /the key does not belong to the certificate in .*server\.pem/],
      ] as const) {
        const started = start({ tls: { ...files(false), ...change } });
        await expect(started).rejects.toMatchObject({
          code: 'ERR_CONFIG_VALUE',
          message: expect.stringMatching(message),
        });
      }
    });

    test('a key that others may read, and a certificate that has expired, are warned of', async () => {
      const { cert, key } = await ca.issue(['localhost'], { days: 0 });
      await writeFile(`${folder}/expired.pem`, cert);
      await writeFile(`${folder}/open.key`, key);
      await chmod(`${folder}/open.key`, 0o644);
      const tlsFiles = { cert: `${folder}/expired.pem`, key: `${folder}/open.key`, clientCa: null };
      await using lab = await start({ tls: tlsFiles });
      expect(lab.server.warnings).toEqual([
        expect.stringMatching(/expired\.pem has expired on /),
        expect.stringMatching(/open\.key can be read by other users: chmod 600 it/),
      ]);
    });
  });
});

/** What a TLS client sends first. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      tls.connect({ port, host: '127.0.0.1', servername: 'localhost' }).on('error', () => {});
    });
  });
}
