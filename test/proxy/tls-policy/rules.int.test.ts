// The rules of proxy.tls at work: conditions, lists that change, what is no TLS, large ClientHellos. The bytes
// of a spliced tunnel are those of client and origin.

import { renameSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Origin, type OriginServer, originServer, rawOrigin } from '../../support/originServer.ts';
import { connectThrough, type RawClient, rawClientOn } from '../../support/rawClient.ts';
import { runCli } from '../../support/runCli.ts';
import { testCa } from '../../support/testCa.ts';
import { type LocalWeir, type LogRecord, startTestWeir } from '../../support/weir.ts';
import { curlFrom, handshakeFrom, helloOf, tunnelFrom } from './clients.ts';

let weir: LocalWeir;
let origin: OriginServer;
let echo: Origin;
let settings: (nonTls: string) => Record<string, unknown>;

beforeAll(async () => {
  origin = await originServer((_, response) => response.end('from the origin'), {
    tls: true,
    names: ['*.site.test'],
  });
  echo = await rawOrigin((socket) => socket.pipe(socket));
  settings = (nonTls) => ({
    proxy: {
      tls: {
        nonTls,
        strict: true,
        rules: [
          { ports: [1], action: 'terminate' },
          { hosts: ['ports.site.test'], ports: [origin.port, '1-9'], action: 'splice' },
          { hosts: ['client.site.test'], clients: ['127.0.0.50'], action: 'splice' },
          { hosts: ['named.site.test'], sni: 'absent', action: 'terminate' },
          { lists: ['banks.txt'], action: 'splice' },
        ],
      },
    },
    adaptation: { rules: [] },
  });
  weir = await startTestWeir({ adaptation: { rules: [] } });
  await weir.folder.write('banks.txt', '# banks\nbank.site.test\n');
  await weir.reload(settings('http'));
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await echo[Symbol.asyncDispose]();
});

const url = (host: string): string => `https://${host}.site.test:${origin.port}/`;
const target = (host: string): string => `${host}.site.test:${origin.port}`;

/** A tunnel as a client that sends bytes of the test's own. */
async function rawTunnel(to: string): Promise<RawClient> {
  const socket = await tunnelFrom('127.0.0.1', weir, to);
  const client = rawClientOn(socket);
  socket.resume();
  return client;
}

/** Whether a client at that address gets the origin's own certificate. */
async function isSpliced(host: string, address = '127.0.0.1'): Promise<boolean> {
  const { exitCode } = await curlFrom(address, weir, 'origin', url(host));
  expect([0, 60]).toContain(exitCode);
  return exitCode === 0;
}

describe('a rule', () => {
  test('holds for its ports', async () => {
    expect(await isSpliced('ports')).toBe(true);
    expect((await curlFrom('127.0.0.1', weir, 'weir', 'https://a.site.test:1/')).headers).toMatch(
      /^HTTP\/1\.1 403 /,
    );
  });

  test('holds for its clients', async () => {
    expect(await isSpliced('client', '127.0.0.50')).toBe(true);
    expect(await isSpliced('client', '127.0.0.51')).toBe(false);
  });

  test('holds where there is no server name', async () => {
    expect((await curlFrom('127.0.0.1', weir, 'weir', url('named'))).exitCode).toBe(0);
    const anonymous = { servername: '', rejectUnauthorized: false };
    expect(await handshakeFrom('127.0.0.1', weir, target('named'), anonymous)).not.toBeNull();
    const [record] = await weir.logged(
      ({ error, tls }) => error?.code === 'ERR_PROXY_DENIED' && tls?.action === 'terminate',
    );
    expect(record).toMatchObject({ tls: { sni: null } });
  });

  test('opens nothing to a false server name', async () => {
    const ca = (await testCa()).cert;
    const options = { ca, servername: 'bank.site.test' };
    expect(await handshakeFrom('127.0.0.1', weir, target('bank'), options)).toBeNull();
    expect(await handshakeFrom('127.0.0.1', weir, target('evil'), options)).not.toBeNull(); // intercepted
  });

  test('that splices a name takes it where DNS says, whatever address the client asked for', async () => {
    const ca = (await testCa()).cert;
    // Nobody listens at 127.0.0.9: that the handshake goes well shows that the name was resolved.
    const options = { ca, servername: 'bank.site.test' };
    expect(await handshakeFrom('127.0.0.1', weir, `127.0.0.9:${origin.port}`, options)).toBeNull();
  });
});

describe('a list', () => {
  test('is read again when it has changed, also where it is renamed over', async () => {
    expect(await isSpliced('bank')).toBe(true);
    expect(await isSpliced('later')).toBe(false);
    expect(weir.weir.watched).toContain(weir.folder.join('banks.txt'));
    await writeFile(weir.folder.join('next.txt'), '.later.site.test\n');
    renameSync(weir.folder.join('next.txt'), weir.folder.join('banks.txt'));
    const { applied } = await weir.reload(settings('http'));
    expect(applied).toEqual([`the list ${weir.folder.join('banks.txt')}`]);
    expect((await weir.reload(settings('http'))).applied).toEqual([]);
    expect(await isSpliced('later')).toBe(true);
    expect(await isSpliced('bank')).toBe(false);
  });

  test('that is broken is refused with its line, and the former one stays in force', async () => {
    await weir.folder.write('banks.txt', 'good.site.test\nhttp://bad/\n');
    await expect(weir.reload(settings('http'))).rejects.toMatchObject({
      code: 'ERR_CONFIG_VALUE',
      message: expect.stringMatching(/banks\.txt:2: expected a host/),
    });
    expect(await isSpliced('later')).toBe(true);
    await weir.folder.write('banks.txt', '.later.site.test\n');
  });
});

describe('a spliced tunnel', () => {
  test('carries the bytes of both sides as they are, in both directions', async () => {
    await using client = await rawTunnel(`later.site.test:${echo.port}`);
    const hello = await helloOf('later.site.test');
    const noise = Buffer.from(Array.from({ length: 500_000 }, (_, n) => (n * n) & 0xff));
    client.send(hello.subarray(0, 7));
    client.send(hello.subarray(7), noise);
    const sent = Buffer.concat([hello, noise]);
    const received = await client.until((bytes) => bytes.length >= sent.length);
    expect(received.equals(sent)).toBe(true);
  });
});

test('a ClientHello of over 16 KiB, in several records, is intercepted like any other', async () => {
  const ALPNProtocols = ['http/1.1', ...Array.from({ length: 350 }, (_, n) => `x-${n}-${'y'.repeat(45)}`)];
  const socket = await connectThrough(weir.proxyPort, target('large'), {
    ca: weir.ca,
    tls: { ALPNProtocols },
  });
  await using client = rawClientOn(socket);
  client.send(`GET / HTTP/1.1\r\nHost: ${target('large')}\r\nConnection: close\r\n\r\n`);
  expect((await client.closed()).toString()).toContain('from the origin');
});

describe('what is no TLS', () => {
  const tunnelTo = (): string => `echo.test:${echo.port}`;
  const ended =
    (error: string): ((record: LogRecord) => boolean) =>
    (record) =>
      record.url === tunnelTo() && record.error?.code === error;

  test('is closed by default, and the log says what would let it pass', async () => {
    await using client = await rawTunnel(tunnelTo());
    client.send('SSH-2.0-test\r\n');
    expect((await client.closed()).length).toBe(0);
    const [record] = await weir.logged(ended('ERR_TLS_CLIENT_HELLO'));
    expect(record?.error?.message).toContain('proxy.tls.nonTls: tunnel');
  });

  test('passes unread where nonTls is tunnel, and is logged as not scanned', async () => {
    await weir.reload(settings('tunnel'));
    await using client = await rawTunnel(tunnelTo());
    client.send('SSH-2.0-');
    client.send('test\r\n', Buffer.from([0, 1, 2, 255]));
    const sent = Buffer.from('SSH-2.0-test\r\n\u0000\u0001\u0002\u00ff', 'latin1');
    expect((await client.until((bytes) => bytes.length >= sent.length)).equals(sent)).toBe(true);
    const [record] = await weir.logged(({ url, verdict }) => url === tunnelTo() && verdict === 'bypassed');
    expect(record).toMatchObject({ tls: null, coverage: { state: 'not-scanned', reason: 'stream' } });
    await weir.weir.traces?.flush();
    const why = await runCli(['why', record!.id, '--config', weir.folder.join('weir.yaml')]);
    expect(why.stdout).toContain('decided by   proxy.tls.nonTls: tunnel');
  });

  test('is closed where nonTls is terminate, HTTP as well', async () => {
    await weir.reload(settings('terminate'));
    await using client = await rawTunnel(tunnelTo());
    client.send('GET / HTTP/1.1\r\nHost: echo.test\r\n\r\n');
    expect((await client.closed()).length).toBe(0);
    const [record] = await weir.logged(ended('ERR_PROXY_DENIED'));
    expect(record?.error?.message).toContain('proxy.tls.nonTls: terminate');
  });
});
