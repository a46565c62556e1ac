// IcapClient against our gateway over TCP and against c-icap.

import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { IcapClient } from '../../src/embed/icap-client.ts';
import type { BodyInput } from '../../src/embed/node-streams.ts';
import { startLab } from '../icap/server/lab.ts';
import { eicar } from '../support/eicar.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { freePort } from '../support/supervised.ts';
import type { TestWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';
import { bytesOfSize } from './client.ts';

const url = 'http://app.test/upload';

describe('against our gateway', () => {
  let weir: TestWeir;
  let client: IcapClient;

  beforeAll(async () => {
    weir = await startTestWeir();
    client = new IcapClient(`icap://127.0.0.1:${weir.gatewayPort}/sandblast`);
  });

  afterAll(async () => {
    client.close();
    await weir[Symbol.asyncDispose]();
  });

  test('options() says what the service offers', async () => {
    const options = await client.options();
    expect(options).toMatchObject({ methods: ['REQMOD', 'RESPMOD'], preview: 4096, allow204: true });
    expect(options.istag).not.toBe('');
  });

  const inputs: [string, (bytes: Buffer) => BodyInput][] = [
    ['a Buffer', (bytes) => bytes],
    ['a Uint8Array', (bytes) => new Uint8Array(bytes)],
    ['text', (bytes) => bytes.toString('latin1')],
    ['a stream', (bytes) => Readable.from([bytes.subarray(0, 10), bytes.subarray(10)])],
    ['an iterable', (bytes) => [bytes.subarray(0, 1), bytes.subarray(1)]],
    [
      'an async iterable',
      async function* (bytes) {
        yield await Promise.resolve(bytes.subarray(0, 7));
        yield bytes.subarray(7).toString('latin1');
      },
    ],
  ];

  test.each(inputs)('finds what is in %s', async (_kind, make) => {
    const found = await client.reqmod({ request: { url }, body: make(eicar()) });
    expect(found).toMatchObject({ icapStatus: 200, verdict: 'blocked', request: null });
    expect(found.response?.status).toBe(403);
    expect(found.threat?.name).toMatch(/eicar/i);
    expect(found.headers.map((field) => field.toLowerCase())).toContain('x-infection-found');
    expect((await buffer(found.body!)).toString()).toContain('EICAR');
  });

  test.each([0, 1024, 5 * 1024 * 1024])('gives an unmodified body of %d bytes back', async (size) => {
    const body = bytesOfSize(size);
    const input = Readable.from(size === 0 ? [] : [body]);
    const result = await client.respmod({ request: { url }, response: {}, body: input });
    expect(result).toMatchObject({ icapStatus: 204, verdict: 'unmodified', threat: null, response: null });
    expect((await buffer(result.body!)).equals(body)).toBe(true);
  });

  test('takes messages without a body', async () => {
    const result = await client.reqmod({ request: { url, method: 'GET', headers: { 'X-A': ['1', '2'] } } });
    expect(result).toMatchObject({ verdict: 'unmodified', body: null });
  });

  test('exchanges at the same time do not mix', async () => {
    const bodies = Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? eicar() : bytesOfSize(100_000)));
    const results = await Promise.all(bodies.map((body) => client.respmod({ request: { url }, body })));
    expect(results.map(({ verdict }) => verdict)).toEqual(
      bodies.map((_, i) => (i % 3 === 0 ? 'blocked' : 'unmodified')),
    );
    for (const { body } of results) body?.destroy();
  });

  test.each([
    [{ url: '/relative' }, /request\.url: expected an absolute/],
    [{ url: 'http://a b/' }, /request\.url/],
    [{ url, method: 'BAD METHOD' }, /request\.method/],
    [{ url, headers: { 'bad name': 'x' } }, /request\.headers: "bad name"/],
    [{ url, headers: { a: 'x\r\nInjected: yes' } }, /request\.headers: "a"/],
  ])('refuses the request %j with what is wrong', async (request, message) => {
    await expect(client.reqmod({ request })).rejects.toMatchObject({ code: 'ERR_EMBED_INPUT' });
    await expect(client.reqmod({ request })).rejects.toThrow(message);
  });

  test('refuses a body that holds something else, and one that breaks off', async () => {
    const objects = [{ a: 1 }] as never;
    await expect(client.reqmod({ request: { url }, body: objects })).rejects.toMatchObject({
      code: 'ERR_EMBED_INPUT',
    });
    const broken = new Readable({
      read() {
        this.push('first half');
        this.destroy(new Error('disk failed'));
      },
    });
    await expect(client.reqmod({ request: { url }, body: broken })).rejects.toThrow(/disk failed/);
  });
});

test('sends the fields as they are given, in any form, without those of the connection', async () => {
  const seen: unknown[] = [];
  await using lab = await startLab({
    '/scan': {
      methods: ['REQMOD'],
      description: { include: ['X-Client-IP', 'X-Server-IP', 'X-Authenticated-User'] },
      handle: ({ request, icapHeaders }) => {
        seen.push(
          request!.headers,
          icapHeaders.filter((_, i, all) => /^X-/.test(all[i - (i % 2)]!)),
        );
        return { kind: 'unmodified' };
      },
    },
  });
  using client = new IcapClient(`icap://127.0.0.1:${lab.port}/scan`);
  const forms = [
    { 'X-One': '1', 'X-Many': ['2', '3'], Connection: 'close', 'X-None': undefined },
    ['X-One', '1', 'X-Many', '2', 'X-Many', '3'],
    new Map([['X-One', '1']]),
    new Headers({ 'x-one': '1' }),
  ];
  for (const headers of forms) await client.reqmod({ request: { url, headers } });
  await client.reqmod({ request: { url }, clientIp: '192.0.2.1', serverIp: '192.0.2.2', user: 'ann' });
  expect(seen.filter((_, i) => i % 2 === 0)).toEqual([
    ['Host', 'app.test', 'X-One', '1', 'X-Many', '2', 'X-Many', '3'],
    ['Host', 'app.test', 'X-One', '1', 'X-Many', '2', 'X-Many', '3'],
    ['Host', 'app.test', 'X-One', '1'],
    ['Host', 'app.test', 'x-one', '1'],
    ['Host', 'app.test'],
  ]);
  expect(seen.at(-1)).toEqual(
    expect.arrayContaining(['X-Client-IP', '192.0.2.1', 'X-Server-IP', '192.0.2.2']),
  );
});

describe('a service that is not there, or does not answer', () => {
  test('is an error that says what to do', async () => {
    using client = new IcapClient(`icap://127.0.0.1:${await freePort()}/scan`);
    const error: unknown = await client
      .reqmod({ request: { url }, body: 'x' })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
    await expect(client.options()).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
  });

  test('is given up when the signal says so, before and during the exchange', async () => {
    let asked = (): void => {};
    const arrived = new Promise<void>((resolve) => (asked = resolve));
    let answer = (): void => {};
    const answering = new Promise<void>((resolve) => (answer = resolve));
    await using lab = await startLab({
      '/scan': {
        methods: ['REQMOD'],
        handle: async () => {
          asked();
          await answering;
          return { kind: 'unmodified' };
        },
      },
    });
    using client = new IcapClient(`icap://127.0.0.1:${lab.port}/scan`);
    const done = client.reqmod({ request: { url }, signal: AbortSignal.abort() });
    await expect(done).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const controller = new AbortController();
    const pending = client.reqmod({ request: { url }, body: 'x', signal: controller.signal });
    await arrived;
    controller.abort(new Error('no more'));
    await expect(pending).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'no more' } });
    answer();
  });

  test('an abort after the answer ends the body that is being read', async () => {
    await using weir = await startTestWeir();
    using client = new IcapClient(`icap://127.0.0.1:${weir.gatewayPort}/sandblast`);
    const controller = new AbortController();
    const body = bytesOfSize(2_000_000);
    const result = await client.respmod({ request: { url }, body, signal: controller.signal });
    const read = buffer(result.body!);
    controller.abort();
    await expect(read).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});

test('refuses a URL that is no ICAP service', () => {
  expect(() => new IcapClient('http://scanner/')).toThrow(/an ICAP URL such as/);
});

describeWithPeer('c-icap', () => {
  test('echo gives every message back: 204 with preview, 200 without it', async () => {
    await using server = await startCIcap();
    using client = new IcapClient(server.url('echo'));
    expect(await client.options()).toMatchObject({ allow204: true, preview: 1024 });
    for (const size of [0, 1024, 5 * 1024 * 1024]) {
      const body = bytesOfSize(size);
      const result = await client.respmod({ request: { url }, response: { status: 200 }, body });
      expect((await buffer(result.body!)).equals(body)).toBe(true);
      const request = await client.reqmod({ request: { url }, body });
      expect((await buffer(request.body!)).equals(body)).toBe(true);
    }
    expect(await server.accessLog(/RESPMOD .*echo/)).toMatch(/RESPMOD .*echo/);
  });
});
