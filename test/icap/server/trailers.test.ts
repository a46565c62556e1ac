// ICAP trailers: fields behind the message, for clients that said `Allow: trailers`.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { IcapOutcome, IcapTrailer } from '../../../src/icap/service.ts';
import type { Lab, LabOptions } from './lab.ts';
import { startLab, turnsUntil } from './lab.ts';
import { probe } from './play.ts';

const END = '0\r\n\r\n';
const respmod = (allow: string, rest = 'res-hdr=0, res-body=19', body = `5\r\nhello\r\n${END}`): string =>
  `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${allow}Encapsulated: ${rest}\r\n\r\nHTTP/1.1 200 OK\r\n\r\n${body}`;
const NEGOTIATED = ['allow: trailers', 'trailer: X-Response-Info'];
const MODIFIED: IcapTrailer = {
  names: ['X-Response-Info'],
  fields: () => ['X-Response-Info', 'Modified', 'X-Secret', 'not announced'],
};

const page = (trailer: IcapTrailer, body: Body | null = Body.of(Buffer.from('HELLO'))): IcapOutcome => ({
  kind: 'adapted',
  response: { version: '1.1', status: 200, reason: 'OK', headers: [] },
  body,
  serverMade: true,
  trailer,
});

const labFor = (outcome: () => IcapOutcome, options: LabOptions = {}): Promise<Lab> =>
  startLab(
    {
      '/s': { methods: ['RESPMOD'], handle: outcome, description: { trailers: true, partialContent: true } },
    },
    options,
  );

describe('negotiation (C-101)', () => {
  test('C-100 C-101 announced fields follow the body, in a block of their own', async () => {
    await using lab = await labFor(() => page(MODIFIED));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n'));
    expect(await client.answer()).toMatchObject({
      status: 200,
      fields: expect.arrayContaining(NEGOTIATED),
      body: 'HELLO',
      trailers: '',
      icapTrailer: 'X-Response-Info: Modified\r\n',
    });
    await probe(client, '/s');
  });

  test('C-101 without the client agreeing nothing is announced, sent or even asked for', async () => {
    let asked = 0;
    const trailer = { ...MODIFIED, fields: () => (asked++, []) };
    await using lab = await labFor(() => page(trailer));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: 206\r\n'));
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 200, body: 'HELLO', icapTrailer: null });
    expect(answer.fields.filter((field) => /^(allow|trailer): /.test(field))).toEqual([]);
    expect(asked).toBe(0);
    await probe(client, '/s');
  });

  test('C-101 a 204 has no trailer', async () => {
    await using lab = await labFor(() => ({ kind: 'unmodified', trailer: MODIFIED }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: 204, trailers\r\n'));
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 204, icapTrailer: null });
    expect(answer.fields).toEqual(['istag: "G1"']);
    await probe(client, '/s');
  });

  test('C-101 an unmodified message that is echoed has one, behind its HTTP trailer', async () => {
    await using lab = await labFor(() => ({ kind: 'unmodified', trailer: MODIFIED }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n', undefined, '5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'));
    expect(await client.answer()).toMatchObject({
      status: 200,
      body: 'hello',
      trailers: 'X-Sum: 1\r\n',
      icapTrailer: 'X-Response-Info: Modified\r\n',
    });
    await probe(client, '/s');
  });

  test('C-100 a message without a body has it behind its headers', async () => {
    await using lab = await labFor(() => page(MODIFIED, null));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n', 'res-hdr=0, null-body=19', ''));
    expect(await client.answer()).toMatchObject({
      status: 200,
      body: null,
      icapTrailer: 'X-Response-Info: Modified\r\n',
    });
    await probe(client, '/s');
  });

  test('C-101 a 206 has one behind its offset', async () => {
    await using lab = await labFor(() => ({
      kind: 'adapted',
      response: { version: '1.1', status: 200, reason: 'OK', headers: [] },
      body: null,
      keepOriginalFrom: 0,
      serverMade: false,
      trailer: MODIFIED,
    }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: 204, 206, trailers\r\n'));
    expect(await client.answer()).toMatchObject({
      status: 206,
      extension: 'use-original-body=0',
      icapTrailer: 'X-Response-Info: Modified\r\n',
    });
    await probe(client, '/s');
  });

  test.each([
    [true, 'Allow: trailers\r\n', '204, trailers'],
    [true, 'Allow: 204\r\n', '204'],
    [false, 'Allow: 204, trailers\r\n', '204'],
  ])(
    'C-101 S-O9 a service with trailers: %s, a client with "%s": Allow: %s',
    async (trailers, fields, allow) => {
      await using lab = await startLab({ '/s': { methods: ['RESPMOD'], description: { trailers } } });
      await using client = await lab.connect();
      await client.deliver(`OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n${fields}\r\n`);
      expect((await client.answer()).fields).toContain(`allow: ${allow}`);
    },
  );
});

describe('fields that are known late', () => {
  test('C-100 are asked for after the last byte of a body that is streamed, and waited for', async () => {
    const body = new Body();
    let know!: (fields: string[]) => void;
    let asked = false;
    const trailer: IcapTrailer = {
      names: ['X-Response-Info'],
      fields: () => {
        asked = true;
        return new Promise((resolve) => (know = resolve));
      },
    };
    await using lab = await labFor(() => page(trailer, body));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n'));
    body.push(Buffer.from('first'));
    await client.raw.until('first');
    expect(asked).toBe(false);
    body.end();
    await client.raw.until('\r\n0\r\n\r\n');
    expect(lab.reports).toHaveLength(0);
    know(['X-Response-Info', 'late']);
    expect(await client.answer()).toMatchObject({ body: 'first', icapTrailer: 'X-Response-Info: late\r\n' });
    expect(lab.reports).toMatchObject([{ icapStatus: 200, error: null }]);
    await probe(client, '/s');
  });

  test('C-100 none of them after all: the block is its blank line', async () => {
    await using lab = await labFor(() => page({ names: ['X-Response-Info'], fields: () => [] }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n'));
    expect(await client.answer()).toMatchObject({ body: 'HELLO', icapTrailer: '' });
    await probe(client, '/s');
  });

  test.each<[string, IcapTrailer['fields']]>([
    [
      'throws',
      () => {
        throw new Error('no idea');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no idea'))],
  ])('S-08 a service that %s when it is asked leaves an incomplete message', async (_, fields) => {
    await using lab = await labFor(() => page({ names: ['X-Response-Info'], fields }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n'));
    const received = (await client.raw.closed()).toString();
    expect(received.endsWith(`HELLO\r\n${END}`)).toBe(true);
    expect(lab.reports).toMatchObject([{ icapStatus: 200, error: { code: 'ERR_ICAP_SERVICE' } }]);
  });

  test('S-12 a service that never says is not waited for without end', async () => {
    const trailer = { names: ['X-Response-Info'], fields: () => new Promise<string[]>(() => {}) };
    await using lab = await labFor(() => page(trailer), { limits: { requestTimeoutMs: 50 } });
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n'));
    const received = (await client.raw.closed()).toString();
    expect(received.endsWith(`HELLO\r\n${END}`)).toBe(true);
    expect(lab.reports).toMatchObject([{ icapStatus: 200, error: { code: 'ERR_ICAP_TIMEOUT' } }]);
  });

  test('a client that goes away while they are awaited is reported once', async () => {
    let know!: (fields: string[]) => void;
    const trailer = {
      names: ['X-Response-Info'],
      fields: () => new Promise<string[]>((resolve) => (know = resolve)),
    };
    await using lab = await labFor(() => page(trailer));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: trailers\r\n'));
    await client.raw.until(`HELLO\r\n${END}`);
    client.raw.socket.resetAndDestroy();
    await turnsUntil(() => lab.server.connections === 0, 'the end of the connection');
    know(['X-Response-Info', 'late']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lab.reports).toMatchObject([{ error: { code: 'ERR_ABORTED' } }]);
  });
});
