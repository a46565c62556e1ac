// What the conformance page says of the proxy around its ICAP client, with one scripted server behind it.

import { expect, beforeAll, afterAll, beforeEach, test } from '@jest/globals';
import type { ScriptedIcap } from '../../icap/client/scripted-icap.ts';
import { NO_CONTENT, scriptedIcap } from '../../icap/client/scripted-icap.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';

let origin: OriginServer;
let icap: ScriptedIcap;
let weir: LocalWeir;
/** Each request that the ICAP server got, up to the end of its preview. */
const asked: string[] = [];
let answer: (request: string) => string;

beforeAll(async () => {
  origin = await originServer(
    (request, response) => void request.resume().on('end', () => response.end('from the origin')),
    { tls: true },
  );
  icap = await scriptedIcap(async (peer, request) => {
    asked.push(request);
    if (request.includes('-body=') && !/null-body=|; ieof/.test(request)) {
      peer.send('ICAP/1.0 100 Continue\r\n\r\n');
      await peer.readRest();
    }
    peer.send(answer(request));
  });
  const use = ['scripted'];
  weir = await startTestWeir({
    adaptation: {
      services: { scripted: { url: `icap://127.0.0.1:${icap.port}/scan` } },
      rules: [
        { point: 'reqmod', use },
        { point: 'respmod', use },
      ],
    },
  });
});

beforeEach(() => {
  asked.length = 0;
  answer = () => NO_CONTENT;
});

afterAll(async () => {
  for (const part of [weir, icap, origin]) await part[Symbol.asyncDispose]();
});

const methods = (): string[] => asked.map((request) => request.slice(0, request.indexOf(' ')));

test('C-93 hop-by-hop fields of an adapted request are stripped again, its framing is our own', async () => {
  const { host } = new URL(origin.url);
  const head =
    `GET ${origin.url}/adapted HTTP/1.1\r\nHost: ${host}\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\n` +
    'Keep-Alive: timeout=9\r\nTransfer-Encoding: chunked\r\nContent-Length: 999\r\nX-End: 2\r\n\r\n';
  answer = (request) =>
    request.startsWith('REQMOD')
      ? `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: req-hdr=0, null-body=${head.length}\r\n\r\n${head}`
      : NO_CONTENT;
  expect((await weir.curl(`${origin.url}/first`)).body.toString()).toBe('from the origin');
  const { headers } = origin.requests.find(({ url }) => url === '/adapted')!;
  expect(headers).toMatchObject({ 'x-end': '2' });
  for (const name of ['x-hop', 'keep-alive', 'transfer-encoding', 'content-length'])
    expect(headers).not.toHaveProperty(name);
});

test('C-95 nobody is told a version of ICAP in a field of HTTP', async () => {
  await weir.curl(`${origin.url}/plain`);
  expect(Object.keys(origin.requests.at(-1)!.headers).filter((name) => /icap/i.test(name))).toEqual([]);
});

test('C-96 a message of HTTP/2 is encapsulated as HTTP/1.1', async () => {
  await weir.curl(`${origin.url}/by-http2`, '--http2');
  const [record] = await weir.logged(({ url }) => url?.endsWith('/by-http2'));
  expect(record!.tls).toMatchObject({ alpn: 'h2' });
  expect(methods()).toEqual(['REQMOD', 'RESPMOD']);
  for (const request of asked) expect(request).toMatch(/^GET https:\S+\/by-http2 HTTP\/1\.1\r$/m);
  expect(asked[1]).toMatch(/^HTTP\/1\.1 200 OK\r$/m);
});

test('K-14 a client that expects 100 gets it before its body goes to REQMOD', async () => {
  const body = 'b'.repeat(100_000);
  // curl would wait for ten minutes; the ICAP server answers only when it has the whole body.
  const { status } = await weir.curl(
    ...[`${origin.url}/upload`, '--http1.1', '--header', 'Expect: 100-continue'],
    ...['--expect100-timeout', '600', '--data-binary', body],
  );
  expect(status).toBe(200);
  expect(methods()).toEqual(['REQMOD', 'RESPMOD']);
});

test('K-80 K-81 nothing is remembered: the same message again is a question again', async () => {
  for (let round = 0; round < 2; round++) await weir.curl(`${origin.url}/cacheable`);
  expect(methods()).toEqual(['REQMOD', 'RESPMOD', 'REQMOD', 'RESPMOD']);
  expect(asked[2]).toBe(asked[0]);
});
