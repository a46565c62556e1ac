// What comes back of the encapsulated message: which fields, whose Via, in which coding.

import { expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { Body } from '../../../src/http/body.ts';
import type { Handler, Lab } from './lab.ts';
import { startLab, UNMODIFIED } from './lab.ts';
import { probe } from './play.ts';

const VIA = 'ICAP/1.0 icap.test (Weir)';
const END = '0\r\n\r\n';
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

const labFor = (handle: Handler, via: string | null = VIA): Promise<Lab> =>
  startLab({ '/s': { methods: ['REQMOD', 'RESPMOD'], handle } }, { via });
const respmod = (head: string, body: string, fields = ''): string =>
  `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}${body}`;
const response = (...fields: string[]): string =>
  `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;

/** The received response with nothing changed, as a service that adapts it would give it back. */
const same: Handler = ({ response: head, body }) => ({
  kind: 'adapted',
  response: head!,
  body: body!.restream(),
  serverMade: false,
});

test('C-90 fields of one hop are left out of an adapted message, and so are those that Connection names', async () => {
  await using lab = await labFor(same, null);
  await using client = await lab.connect();
  const ofThisHop = [
    'Connection: close, X-Hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authenticate: Basic',
    'Proxy-Authorization: Basic eDp5',
    'TE: trailers',
    'Trailer: X-Sum',
    'Transfer-Encoding: chunked',
    'Upgrade: websocket',
  ];
  await client.deliver(respmod(response('A: b', ...ofThisHop, 'Set-Cookie: c=d'), chunk('hello') + END));
  expect((await client.answer()).sections).toBe(response('A: b', 'Set-Cookie: c=d'));
  await probe(client, '/s');
});

test('C-90 C-92 Connection takes no field away that a message cannot do without; WWW-Authenticate stays', async () => {
  await using lab = await labFor(same, null);
  await using client = await lab.connect();
  const fields = ['Content-Type: text/html', 'WWW-Authenticate: Basic'];
  const head = response('Connection: Content-Type', ...fields);
  await client.deliver(respmod(head, chunk('hello') + END));
  expect((await client.answer()).sections).toBe(response(...fields));
});

test('C-92 Authorization of the HTTP client reaches the service and goes back', async () => {
  const seen: unknown[] = [];
  await using lab = await labFor(({ request }) => {
    seen.push(request!.headers);
    return { kind: 'adapted', request: request!, body: null, serverMade: false };
  }, null);
  await using client = await lab.connect();
  const get = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic eDp5\r\n\r\n';
  await client.deliver(
    `REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nEncapsulated: req-hdr=0, null-body=${get.length}\r\n\r\n${get}`,
  );
  expect((await client.answer()).sections).toBe(get);
  expect(seen).toEqual([['Host', 'a.test', 'Authorization', 'Basic eDp5']]);
});

test.each<[string, Handler, string[], string[]]>([
  ['behind the one that is there in an adapted message', same, ['Via: 1.1 other'], ['Via: 1.1 other', `Via: ${VIA}`]],
  ['behind the one that is there in an echo', () => UNMODIFIED, ['Via: 1.1 other'], ['Via: 1.1 other', `Via: ${VIA}`]],
  [
    "none in a message that is the server's own",
    () => ({
      kind: 'adapted',
      response: { version: '1.1', status: 200, reason: 'OK', headers: ['A', 'b'] },
      body: Body.of(Buffer.from('page')),
      serverMade: true,
    }),
    [],
    ['A: b'],
  ],
])('C-94 Via: %s', async (_, handle, received, expected) => {
  await using lab = await labFor(handle);
  await using client = await lab.connect();
  await client.deliver(respmod(response(...received), chunk('hello') + END));
  expect((await client.answer()).sections).toBe(response(...expected));
}); // prettier-ignore

test('C-94 C-63 a 204 carries neither Via nor anything else of the message', async () => {
  await using lab = await labFor(() => UNMODIFIED);
  await using client = await lab.connect();
  await client.deliver(respmod(response(), chunk('hello') + END, 'Allow: 204\r\n'));
  expect(await client.answer()).toEqual({
    status: 204,
    fields: ['istag: "G1"'],
    sections: '',
    body: null,
    extension: '',
    trailers: '',
    icapTrailer: null,
  });
  await probe(client, '/s');
});

test('C-38 a body in a Content-Encoding is seen and given back as it came', async () => {
  const packed = gzipSync('text '.repeat(100)).toString('latin1');
  const seen: string[] = [];
  await using lab = await labFor(async ({ body }) => {
    seen.push((await body!.hold()).memory!.toString('latin1'));
    return UNMODIFIED;
  });
  await using client = await lab.connect();
  await client.deliver(
    Buffer.from(respmod(response('Content-Encoding: gzip'), chunk(packed) + END), 'latin1'),
  );
  expect((await client.answer()).body).toBe(packed);
  expect(seen).toEqual([packed]);
});

test('C-50 204 needs the word of the client, except in answer to a preview', async () => {
  await using lab = await labFor(() => UNMODIFIED);
  await using client = await lab.connect();
  const statuses: number[] = [];
  for (const fields of [
    '',
    'Allow: 204\r\n',
    'Preview: 9\r\n',
    'Preview: 9\r\nAllow: 206\r\n',
    'Allow: 2040\r\n',
  ]) {
    await client.deliver(respmod(response(), chunk('hello') + END, fields));
    statuses.push((await client.answer()).status);
  }
  expect(statuses).toEqual([200, 204, 204, 204, 200]);
  await probe(client, '/s');
});

test('C-53 a service that wants no preview answers one all the same', async () => {
  await using lab = await startLab({
    '/s': {
      methods: ['RESPMOD'],
      description: { preview: null },
      handle: ({ body }) => body!.hold().then(() => UNMODIFIED),
    },
  });
  await using client = await lab.connect();
  await client.deliver(respmod(response(), chunk('hel') + END, 'Preview: 3\r\nAllow: 204\r\n'));
  expect(await client.answer()).toMatchObject({ status: 100 });
  await client.deliver(chunk('lo') + END);
  expect(await client.answer()).toMatchObject({ status: 204 });
  await probe(client, '/s');
});

test('C-07 C-111 C-113 every answer has the tag of the service that the path names, whatever host it names', async () => {
  await using lab = await startLab({
    '/a': { methods: ['RESPMOD'], description: { istag: 'A' }, handle: ({ body }) => body!.hold().then(() => UNMODIFIED) },
    '/b': { methods: ['RESPMOD'], description: { istag: 'B' } },
  }); // prettier-ignore
  await using client = await lab.connect();
  const tags: string[] = [];
  const ask = async (request: string): Promise<void> => {
    await client.deliver(request);
    tags.push((await client.answer()).fields.find((field) => field.startsWith('istag: '))!);
  };
  const preview = respmod(response(), chunk('hello') + END, 'Preview: 5\r\nAllow: 204\r\n');
  await ask('OPTIONS icap://virtual.test/a ICAP/1.0\r\nHost: h\r\n\r\n');
  await ask(preview.replace('/s ', '/a '));
  await ask(END);
  await ask(preview.replace('/s ', '/b '));
  await ask(preview.replace('RESPMOD', 'REQMOD').replaceAll('res-', 'req-').replace('/s ', '/a '));
  await ask(preview);
  expect(tags).toEqual(['A', 'A', 'A', 'B', 'A', 'SRV-1'].map((tag) => `istag: "${tag}"`));
});
