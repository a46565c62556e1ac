// Everything that can fail behind the proxy, as the user sees it: a page or JSON with status, code and
// incident id, a word that nothing was delivered where inspection failed, and one record in the log.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Origin, originServer, rawOrigin } from '../support/originServer.ts';
import { rawThrough, startOrigins, type Origins } from './lab.ts';
import { freePort } from '../support/supervised.ts';
import { newTestCa, testCa } from '../support/testCa.ts';
import { type LogRecord, startTestWeir, type TestWeir, type WeirSettings } from '../support/weir.ts';

const NOT_DELIVERED = 'The content was not delivered, because it could not be inspected.';
const HEAD_END = '\r\n\r\n';

/** A raw origin that answers every request with these bytes and closes. */
const answering = (bytes: string, end = true, tls = false): Promise<Origin> =>
  rawOrigin(
    (socket: Socket) => {
      let seen = '';
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.toString('latin1');
        if (!seen.includes(HEAD_END)) return;
        seen = '';
        socket.write(bytes, 'latin1');
        if (end) socket.end();
      });
    },
    { tls },
  );

/** An ICAP server that answers OPTIONS as usual and everything else with these bytes. */
const icapAnswering = (bytes: string, end = false): Promise<Origin> =>
  rawOrigin((socket: Socket) => {
    socket.on('data', (chunk: Buffer) => {
      if (chunk.toString('latin1').startsWith('OPTIONS')) {
        socket.write(
          'ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nISTag: "x"\r\nPreview: 0\r\nEncapsulated: null-body=0\r\n\r\n',
        );
        return;
      }
      socket.write(bytes, 'latin1');
      if (end) socket.end();
    });
  });

/** Asks for `url` as a browser and as a program, and checks page, JSON and the record of each. */
async function expectFailure(
  weir: TestWeir,
  url: string,
  { status, code, failClosed = false }: { status: number; code: string; failClosed?: boolean },
): Promise<LogRecord> {
  const html = await weir.curl('-H', 'Accept: text/html', url);
  expect(html.status).toBe(status);
  expect(html.header('Content-Type')).toBe('text/html; charset=utf-8');
  expect(html.header('Cache-Control')).toBe('no-store');
  const page = html.body.toString();
  expect(page).toContain(code);
  expect(page.includes(NOT_DELIVERED)).toBe(failClosed);

  const json = await weir.curl('-H', 'Accept: application/json', url);
  expect(json.status).toBe(status);
  expect(json.header('Content-Type')).toMatch(/^application\/json/);
  const told = JSON.parse(json.body.toString()) as Record<string, unknown>;
  expect(told).toMatchObject({ error: code, status, failClosed, incident: json.header('X-Weir-Incident') });

  const records = await weir.logged((record) => record.kind === 'proxy' && record.url === url, 2);
  expect(records).toHaveLength(2);
  for (const record of records) {
    expect(record).toMatchObject({ status, verdict: 'error', error: { code } });
    expect(record.incident).toBe(record.id);
  }
  expect(page).toContain(records[0]!.incident!);
  expect(told['incident']).toBe(records[1]!.incident);
  expect(told['message']).toContain(records[1]!.error!.message.slice(0, 40).trim());
  return records[1]!;
}

describe('an origin', () => {
  let weir: TestWeir;
  beforeAll(async () => {
    weir = await startTestWeir({
      proxy: {
        upstream: {
          trust: [(await testCa()).certPath],
          hosts: { '*.test': '127.0.0.1' },
          responseTimeout: '300ms',
        },
      },
    });
  });
  afterAll(async () => weir[Symbol.asyncDispose]());

  test('that nobody listens for is unreachable', async () => {
    const url = `http://origin.test:${await freePort()}/`;
    await expectFailure(weir, url, { status: 502, code: 'ERR_ORIGIN_UNREACHABLE' });
    const secure = `https://origin.test:${await freePort()}/`;
    await expectFailure(weir, secure, { status: 502, code: 'ERR_ORIGIN_UNREACHABLE' });
  });

  test('whose name does not exist is a DNS failure that names it', async () => {
    const record = await expectFailure(weir, 'http://no-such-name.invalid/', {
      status: 502,
      code: 'ERR_ORIGIN_DNS',
    });
    expect(record.error!.message).toContain('no-such-name.invalid');
  });

  test('whose certificate nobody vouches for is not trusted', async () => {
    await using origin = await originServer((_, response) => void response.end('no'), {
      tls: true,
      ca: await newTestCa('nobody trusts this'),
    });
    const url = `https://origin.test:${origin.port}/`;
    await expectFailure(weir, url, { status: 502, code: 'ERR_ORIGIN_UNTRUSTED' });
    expect(origin.requests).toHaveLength(0);
  });

  test('whose certificate is for another name is not trusted, and the message names both', async () => {
    await using origin = await originServer((_, response) => void response.end('no'), {
      tls: true,
      names: ['other.test'],
    });
    const url = `https://origin.test:${origin.port}/`;
    const record = await expectFailure(weir, url, { status: 502, code: 'ERR_ORIGIN_UNTRUSTED' });
    expect(record.error!.message).toMatch(/origin\.test[^]*other\.test/);
    expect(origin.requests).toHaveLength(0);
  });

  test('whose certificate has expired is not trusted', async () => {
    const expired = await (await testCa()).issue(['origin.test'], { days: 0 });
    await using origin = await originServer((_, response) => void response.end('no'), { tls: expired });
    const url = `https://origin.test:${origin.port}/`;
    const record = await expectFailure(weir, url, { status: 502, code: 'ERR_ORIGIN_UNTRUSTED' });
    expect(record.error!.message).toMatch(/expired/);
  });

  test('that speaks no TLS fails as such', async () => {
    await using origin = await rawOrigin((socket) => void socket.end('220 smtp.test ESMTP\r\n'));
    const url = `https://origin.test:${origin.port}/`;
    await expectFailure(weir, url, { status: 502, code: 'ERR_ORIGIN_TLS' });
  });

  test.each([
    ['nothing', '', 'ERR_ORIGIN_CLOSED'],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-', 'ERR_ORIGIN_CLOSED'],
    ['another protocol', '220 smtp.test ESMTP\r\n\r\n', 'ERR_ORIGIN_RESPONSE'],
    ['a broken field', 'HTTP/1.1 200 OK\r\nbroken\r\n\r\n', 'ERR_ORIGIN_RESPONSE'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      'ERR_ORIGIN_RESPONSE',
    ],
    [
      'both lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'ERR_ORIGIN_RESPONSE',
    ],
    ['a 101 nobody asked for', 'HTTP/1.1 101 Switching\r\n\r\n', 'ERR_ORIGIN_RESPONSE'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'ERR_ORIGIN_RESPONSE'],
  ])('that answers %s is a bad gateway', async (_what, bytes, code) => {
    await using origin = await answering(bytes);
    await expectFailure(weir, `http://origin.test:${origin.port}/`, { status: 502, code });
  });

  test('that does not answer in time is answered 504', async () => {
    await using origin = await answering('', false);
    const url = `http://origin.test:${origin.port}/`;
    await expectFailure(weir, url, { status: 504, code: 'ERR_ORIGIN_TIMEOUT' });
  });

  test.each([
    ['a body shorter than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this'],
    ['a chunked body without end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('that sends %s delivers nothing of it', async (_what, bytes) => {
    await using origin = await answering(bytes);
    await expectFailure(weir, `http://origin.test:${origin.port}/`, {
      status: 502,
      code: 'ERR_ORIGIN_CLOSED',
    });
  });

  test('fails for HEAD with the same head and no body', async () => {
    const { status, body, header } = await weir.curl('--head', `http://origin.test:${await freePort()}/`);
    expect(status).toBe(502);
    expect(header('X-Weir-Incident')).toMatch(/^W-/);
    expect(body.toString()).toMatch(/^HTTP\/1\.1 502 [^]*\r\n\r\n$/); // curl prints the head alone
  });
});

describe('an ICAP service', () => {
  let origins: Origins;
  beforeAll(async () => {
    origins = await startOrigins();
  });
  afterAll(async () => origins[Symbol.asyncDispose]());

  const using = (port: number, more: Record<string, unknown> = {}): WeirSettings => ({
    adaptation: {
      services: { scanner: { url: `icap://127.0.0.1:${port}/scan`, timeout: '300ms', ...more } },
      rules: [{ point: 'respmod', use: ['scanner'] }],
    },
  });
  const BAD: [what: string, bytes: string, end: boolean, status: number, code: string][] = [
    ['is silent', '', false, 504, 'ERR_ADAPT_TIMEOUT'],
    ['talks garbage', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', false, 502, 'ERR_ADAPT_PROTOCOL'],
    ['closes', '', true, 502, 'ERR_ADAPT_UNAVAILABLE'],
    [
      'answers 500',
      'ICAP/1.0 500 Server Error\r\nISTag: "x"\r\nEncapsulated: null-body=0\r\n\r\n',
      false,
      502,
      'ERR_ADAPT_STATUS',
    ],
    [
      'sends a broken section',
      'ICAP/1.0 200 OK\r\nISTag: "x"\r\nEncapsulated: res-hdr=0, null-body=9\r\n\r\nHTTP/9\r\n\r\n',
      false,
      502,
      'ERR_ICAP_SECTION',
    ],
  ];

  test('that does not run withholds the content', async () => {
    await using weir = await startTestWeir(using(await freePort()));
    const record = await expectFailure(weir, origins.url('https', '/clean'), {
      ...{ status: 502, code: 'ERR_ADAPT_UNAVAILABLE', failClosed: true },
    });
    expect(record.adaptation).toMatchObject([{ service: 'scanner', method: 'RESPMOD', verdict: 'error' }]);
  });

  test.each(BAD)('that %s withholds the content', async (_what, bytes, end, status, code) => {
    await using server = await icapAnswering(bytes, end);
    await using weir = await startTestWeir(using(server.port));
    const record = await expectFailure(weir, origins.url('https', '/clean'), {
      ...{ status, code, failClosed: true },
    });
    expect(record.adaptation).toMatchObject([{ service: 'scanner', verdict: 'error' }]);
    if (code === 'ERR_ADAPT_STATUS') expect(record.adaptation[0]!.icapStatus).toBe(500);
  });

  test.each(BAD)('that %s lets the content pass where it may be bypassed', async (_what, bytes, end) => {
    await using server = await icapAnswering(bytes, end);
    await using weir = await startTestWeir(using(server.port, { onError: 'bypass' }));
    for (const path of ['/clean', '/1m']) {
      const { status, body } = await weir.curl(origins.url('https', path));
      expect(status).toBe(200);
      expect(body.length).toBe(path === '/1m' ? 2 ** 20 : 7600);
      const url = origins.url('https', path);
      const [record] = await weir.logged((it) => it.kind === 'proxy' && it.url === url);
      expect(record).toMatchObject({ status: 200, verdict: 'bypassed' });
      expect(record!.adaptation).toMatchObject([{ service: 'scanner', verdict: 'bypassed' }]);
    }
  });

  test('that does not run, first in a group, leaves the work to the second', async () => {
    const dead = await freePort();
    await using weir = await startTestWeir((gatewayPort) => ({
      adaptation: {
        services: {
          dead: { url: `icap://127.0.0.1:${dead}/scan` },
          live: { url: `icap://127.0.0.1:${gatewayPort}/sandblast`, inProcess: false },
        },
        groups: { scanners: { services: ['dead', 'live'], strategy: 'failover' } },
        rules: [
          { point: 'reqmod', use: ['scanners'] },
          { point: 'respmod', use: ['scanners'] },
        ],
      },
    }));
    expect((await weir.curl(origins.url('https', '/1m'))).body.length).toBe(2 ** 20);
    expect((await weir.curl(origins.url('https', '/eicar'))).status).toBe(403);
    const records = await weir.logged(({ kind }) => kind === 'proxy', 2);
    for (const { adaptation } of records) {
      expect(adaptation.map(({ service }) => service)).toEqual(['live', 'live']);
    }
  });

  test('that cuts off an answer that is streamed breaks the connection, and never ends the page', async () => {
    const start =
      'ICAP/1.0 200 OK\r\nISTag: "x"\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\n' +
      'HTTP/1.1 200 OK\r\n\r\n100\r\nonly this much';
    await using server = await icapAnswering(start, true);
    const { adaptation } = using(server.port);
    await using weir = await startTestWeir({ adaptation: { ...adaptation, hold: 0 } });
    const { exitCode } = await weir.curl(origins.url('http', '/clean'));
    expect(exitCode).not.toBe(0);
    const [record] = await weir.logged(({ kind }) => kind === 'proxy');
    expect(record).toMatchObject({ verdict: 'error', error: { code: 'ERR_ADAPT_UNAVAILABLE' } });
  });
});

describe('a body that cannot be inspected', () => {
  test('for want of a place to keep it is not delivered', async () => {
    await using origins = await startOrigins();
    await using weir = await startTestWeir({
      adaptation: { spool: { memory: '64KiB', folder: '/proc/no-such-folder' } },
    });
    await expectFailure(weir, origins.url('https', '/1m'), {
      ...{ status: 500, code: 'ERR_SPOOL', failClosed: true },
    });
  });

  test('because its coding is unknown or a lie is blocked with a page that says so', async () => {
    await using origin = await originServer((request, response) => {
      const coding = request.url!.slice(1);
      response.writeHead(200, { 'Content-Encoding': coding });
      response.end(coding === 'gzip' ? Buffer.concat([gzipSync('x').subarray(0, 12)]) : 'whatever');
    });
    await using weir = await startTestWeir();
    const { status, body } = await weir.curl(`http://origin.test:${origin.port}/x-unheard-of`);
    expect(status).toBe(403);
    expect(body.toString()).toContain('Undecodable-Content');
    const [record] = await weir.logged(({ kind }) => kind === 'proxy');
    expect(record).toMatchObject({ verdict: 'blocked', threat: { name: 'Undecodable-Content' } });
  });
});

test('an upload that the client breaks off reaches no origin and leaves one record', async () => {
  await using origins = await startOrigins();
  await using weir = await startTestWeir();
  await using client = await rawThrough(weir, 'https', origins.port('https'));
  client.send('POST /upload HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 100\r\n\r\nonly this');
  await client[Symbol.asyncDispose]();
  const records = await weir.logged(({ kind }) => kind === 'proxy');
  expect(records).toMatchObject([{ verdict: 'error', error: { code: 'ERR_ABORTED' }, status: 0 }]);
  expect(origins.seen('/upload')).toBe(0);
});
