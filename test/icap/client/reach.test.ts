// How a service is reached: icaps with its trust, name and certificate, Unix sockets, and logging in.

import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls';
import type { IcapTlsOptions } from '../../../src/icap/client/connector.ts';
import { IcapServiceClient } from '../../../src/icap/client/service-client.ts';
import { newTestCa, testCa } from '../../support/testCa.ts';
import { tempDir } from '../../support/tempDir.ts';
import {
  bodyOf,
  IcapConversation,
  NO_CONTENT,
  optionsAnswer,
  respmod,
  scriptedIcap,
} from './scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');

/** Answers OPTIONS and 204 until the client leaves. */
async function serve(peer: IcapConversation): Promise<void> {
  for (;;) {
    const request = await peer.readRequest();
    peer.send(request.startsWith('OPTIONS ') ? optionsAnswer() : NO_CONTENT);
  }
}

interface Lab extends AsyncDisposable {
  readonly sockets: TLSSocket[];
  client(tls: IcapTlsOptions, host?: string): IcapServiceClient;
}

async function tlsServer(options: TlsOptions): Promise<Lab> {
  const sockets: TLSSocket[] = [];
  const server = createTlsServer(options, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(new IcapConversation(socket, sockets.length)).catch(() => socket.destroy());
  });
  server.on('tlsClientError', () => {});
  await listening(server);
  const clients: IcapServiceClient[] = [];
  return {
    sockets,
    client: (tls, host = 'localhost') => {
      const { port } = server.address() as AddressInfo;
      const client = new IcapServiceClient({
        ...{ name: 'secure', secure: true, host, port, path: '/scan', tls },
        ...{ timeoutMs: 5000, connectTimeoutMs: 5000, userAgent: 'test' },
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listening(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

describe('icaps', () => {
  const scanned = async (client: IcapServiceClient): Promise<void> => {
    expect((await bodyOf(await client.adapt(respmod(TEXT)))).equals(TEXT)).toBe(true);
  };

  test('a certificate is verified against the given CA and the host of the URL', async () => {
    const ca = await testCa();
    await using server = await tlsServer(await ca.issue(['localhost']));
    await scanned(server.client({ ca: [ca.cert] }));
    await expect(server.client({}).adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_TLS' });
    await expect(server.client({ ca: [ca.cert] }, '127.0.0.1').adapt(respmod(TEXT))).rejects.toMatchObject({
      code: 'ERR_ADAPT_TLS',
      message: expect.stringContaining('127.0.0.1'),
    });
  });

  test('serverName is asked for and verified in place of the host', async () => {
    const ca = await testCa();
    await using server = await tlsServer(await ca.issue(['icap.example']));
    const trust = { ca: [ca.cert] };
    await scanned(server.client({ ...trust, serverName: 'icap.example' }, '127.0.0.1'));
    expect(server.sockets[0]!.servername).toBe('icap.example');
    await expect(server.client(trust, '127.0.0.1').adapt(respmod(TEXT))).rejects.toMatchObject({
      code: 'ERR_ADAPT_TLS',
    });
  });

  test('verify: false takes any certificate', async () => {
    await using server = await tlsServer(await (await newTestCa()).issue(['elsewhere.test']));
    await scanned(server.client({ verify: false }));
  });

  test('a client certificate is shown to a server that wants one, and missed by it otherwise', async () => {
    const ca = await testCa();
    const own = await ca.issue(['localhost']);
    await using server = await tlsServer({ ...own, requestCert: true, ca: ca.cert });
    const { cert, key } = await ca.issue(['proxy.test']);
    await scanned(server.client({ ca: [ca.cert], cert, key }));
    expect(server.sockets[0]!.getPeerCertificate().subject.CN).toBe('proxy.test');
    await expect(server.client({ ca: [ca.cert] }).adapt(respmod(TEXT))).rejects.toMatchObject({
      code: 'ERR_ADAPT_TLS',
    });
  });

  test('a session is resumed by the next connection', async () => {
    const ca = await testCa();
    await using server = await tlsServer(await ca.issue(['localhost']));
    const client = server.client({ ca: [ca.cert] });
    await scanned(client);
    server.sockets[0]!.end();
    await once(server.sockets[0]!, 'close');
    await scanned(client);
    expect(server.sockets[1]!.isSessionReused()).toBe(true);
  });

  test('a certificate that is none is refused before anything is sent', () => {
    const make = (tls: IcapTlsOptions): IcapServiceClient =>
      new IcapServiceClient({
        ...{ name: 'secure', secure: true, host: 'localhost', port: 1, path: '/', tls },
        ...{ timeoutMs: 1, connectTimeoutMs: 1, userAgent: 'test' },
      });
    expect(() => make({ cert: 'no PEM', key: 'no PEM' })).toThrow(
      expect.objectContaining({ code: 'ERR_ADAPT_TLS' }),
    );
  });

  test('a port that does not speak TLS is named as such', async () => {
    const plain = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('ICAP/1.0 400 Bad request\r\n\r\n');
    });
    await listening(plain);
    const { port } = plain.address() as AddressInfo;
    const client = new IcapServiceClient({
      ...{ name: 'secure', secure: true, host: '127.0.0.1', port, path: '/' },
      ...{ timeoutMs: 5000, connectTimeoutMs: 5000, userAgent: 'test' },
    });
    await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_TLS' });
    client.close();
    plain.close();
  });
});

test('a Unix socket stands in for host and port', async () => {
  await using folder = await tempDir('weir-icap-unix-');
  const socketPath = folder.join('icap.sock');
  const seen: string[] = [];
  const server = createServer((socket) => {
    const peer = new IcapConversation(socket, 1);
    socket.on('data', (bytes: Buffer) => seen.push(bytes.toString('latin1')));
    serve(peer).catch(() => socket.destroy());
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const client = new IcapServiceClient({
    ...{ name: 'unix', secure: false, host: 'localhost', port: 1344, socketPath, path: '/scan?x=1' },
    ...{ timeoutMs: 5000, connectTimeoutMs: 5000, userAgent: 'test' },
  });
  expect((await bodyOf(await client.adapt(respmod(TEXT)))).equals(TEXT)).toBe(true);
  expect(seen[0]).toMatch(/^OPTIONS icap:\/\/localhost\/scan\?x=1 ICAP\/1\.0\r\nHost: localhost\r\n/);
  expect(client.status().url).toBe(`icap+unix:${socketPath}?/scan?x=1`);
  client.close();
  server.close();
  await once(server, 'close');
  await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({
    code: 'ERR_ADAPT_UNAVAILABLE',
    message: expect.stringContaining(socketPath),
  });
});

describe('logging in', () => {
  const DENIED =
    'ICAP/1.0 407 Proxy Authentication Required\r\nISTag: "t1"\r\nEncapsulated: null-body=0\r\n\r\n';
  const WANTED = `Authorization: Basic ${Buffer.from('scanner:pa:ss wörd').toString('base64')}\r\n`;
  const guarded = () =>
    scriptedIcap((peer, request) => peer.send(request.includes(WANTED) ? NO_CONTENT : DENIED), {
      options: (request) => (request.includes(WANTED) ? optionsAnswer() : DENIED),
    });

  test('C-04 user and password of the URL go with every request', async () => {
    await using server = await guarded();
    const client = server.client({ user: 'scanner', password: 'pa:ss wörd' });
    expect((await bodyOf(await client.adapt(respmod(TEXT)))).equals(TEXT)).toBe(true);
    expect(client.status().url).not.toContain('scanner');
  });

  test.each([{}, { user: 'scanner', password: 'wrong' }])(
    '407 is an error that says what to do',
    async (login) => {
      await using server = await guarded();
      const failure = await server
        .client(login)
        .adapt(respmod(TEXT))
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'ERR_ADAPT_AUTH',
        fields: { icapStatus: 407 },
        remedy: expect.stringContaining('icap://user:password@'),
      });
      expect(JSON.stringify(failure)).not.toContain('wrong');
    },
  );
});
