// Answers that keep a part of the original body: 206 where the client allows it, the assembled message
// where it does not. What a client would hold in the end is the same in both cases, and every test says so.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { Adapted, IcapTransaction } from '../../../src/icap/service.ts';
import type { Handler, Lab, LabClient } from './lab.ts';
import { startLab, turnsUntil } from './lab.ts';
import { probe } from './play.ts';

const ORIGINAL = 'twenty bytes of text';
const headWith = (length: number | string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
const HEAD = headWith(20); // 39 bytes
const END = '0\r\n\r\n';
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;
const respmod = (fields: string, body: string): string =>
  `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: res-hdr=0, res-body=39\r\n\r\n${HEAD}${body}`;

interface Change {
  readonly from: number;
  readonly prefix?: string;
  /** Reads the whole original before it answers. */
  readonly hold?: boolean;
  readonly headers?: string[];
}

/** Changes the start of the body, and the Content-Length not at all. */
function change({ from, prefix, hold = false, headers }: Change): Handler {
  const outcome = (transaction: IcapTransaction): Adapted => ({
    kind: 'adapted',
    response: { ...transaction.response!, headers: headers ?? transaction.response!.headers },
    body: prefix === undefined ? null : Body.of(Buffer.from(prefix)),
    keepOriginalFrom: from,
    serverMade: false,
  });
  if (!hold) return outcome;
  return async (transaction) => {
    await transaction.body?.hold();
    return outcome(transaction);
  };
}

const labFor = (handle: Handler): Promise<Lab> =>
  startLab({ '/s': { methods: ['REQMOD', 'RESPMOD'], handle, description: { partialContent: true } } });

/** Sends the body as the client of a preview does, and returns the final answer with the count of 100s. */
async function send(client: LabClient, fields: string, preview: number | null) {
  const ieof = preview !== null && preview >= ORIGINAL.length;
  const first = preview === null ? ORIGINAL : ORIGINAL.slice(0, preview);
  const start = `${first === '' ? '' : chunk(first)}${ieof ? '0; ieof\r\n\r\n' : END}`;
  await client.deliver(respmod(preview === null ? fields : `${fields}Preview: ${preview}\r\n`, start));
  const answer = await client.answer();
  if (answer.status !== 100) return { ...answer, continued: false };
  await client.deliver(`${chunk(ORIGINAL.slice(first.length))}${END}`);
  return { ...(await client.answer()), continued: true };
}

/** What the client has in the end (C-64). */
function result({ body, extension }: { body: string | null; extension: string }): string {
  const offset = /^use-original-body=(\d+)$/.exec(extension)?.[1];
  return (body ?? '') + (offset === undefined ? '' : ORIGINAL.slice(Number(offset)));
}

describe('who gets 206 (C-61, C-62, C-67)', () => {
  test.each<[string, string, number | null, boolean, number, boolean]>([
    // Allow, preview in bytes, the service reads everything first → status, 100 before it
    ['C-61 206 alone answers a preview', 'Allow: 206\r\n', 8, false, 206, false],
    ['C-61 206 alone answers an empty preview', 'Allow: 206\r\n', 0, false, 206, false],
    ['C-61 206 alone answers a preview that is the whole body', 'Allow: 206\r\n', 20, true, 206, false],
    ['C-61 206 alone does not answer outside a preview', 'Allow: 206\r\n', null, false, 200, false],
    ['C-51 206 alone is void after 100', 'Allow: 206\r\n', 8, true, 200, true],
    ['C-51 204 and 206 hold after 100', 'Allow: 204, 206\r\n', 8, true, 206, true],
    ['C-61 204 and 206 answer outside a preview', 'Allow: 204, 206\r\n', null, false, 206, false],
    ['C-60 C-61 the tokens may stand in two fields', 'Allow: 206\r\nALLOW: 204\r\n', null, false, 206, false],
    ['S-04 without the token 206 is never sent to a preview', 'Allow: 204\r\n', 8, false, 200, true],
    ['S-04 without the token 206 is never sent outside a preview', 'Allow: 204\r\n', null, true, 200, false],
    ['C-60 206 inside another token is no 206', 'Allow: 12060, 2060\r\n', 8, false, 200, true],
    ['S-206 nothing is allowed at all', '', null, false, 200, false],
  ])('%s', async (_, allow, preview, hold, status, continued) => {
    await using lab = await labFor(change({ from: 7, prefix: 'ALERT: ', hold }));
    await using client = await lab.connect();
    for (let round = 0; round < 2; round++) {
      const answer = await send(client, allow, preview);
      expect(answer).toMatchObject({ status, continued });
      expect(answer.sections).toBe(HEAD);
      expect(answer.extension).toBe(status === 206 ? 'use-original-body=7' : '');
      expect(result(answer)).toBe('ALERT: bytes of text');
    }
    await probe(client, '/s');
    expect(lab.reports.map(({ icapStatus }) => icapStatus)).toEqual([status, status]);
  });

  test.each(['', 'Preview: 0\r\n'])(
    'C-67 a message without a body is never answered 206 (%s)',
    async (preview) => {
      await using lab = await labFor(change({ from: 0 }));
      await using client = await lab.connect();
      await client.deliver(
        `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204, 206\r\n${preview}Encapsulated: res-hdr=0, null-body=39\r\n\r\n${HEAD}`,
      );
      expect(await client.answer()).toMatchObject({ status: 200, sections: HEAD, body: null });
      await probe(client, '/s');
    },
  );

  test('C-67 an answer in the stead of the origin keeps nothing of the request', async () => {
    await using lab = await labFor(() => ({
      kind: 'adapted',
      response: { version: '1.1', status: 403, reason: 'Forbidden', headers: [] },
      body: Body.of(Buffer.from('no')),
      keepOriginalFrom: 0,
      serverMade: true,
    }));
    await using client = await lab.connect();
    await client.deliver(
      `REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204, 206\r\nEncapsulated: req-hdr=0, req-body=46\r\n\r\nPOST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n${chunk('form')}${END}`,
    );
    expect(await client.answer()).toMatchObject({ status: 200, body: 'no', extension: '' });
    await probe(client, '/s');
  });

  test('S-206 a REQMOD body is kept as well', async () => {
    await using lab = await labFor(({ request }) => ({
      kind: 'adapted',
      request: { ...request!, headers: [...request!.headers, 'X-Seen', '1'] },
      body: null,
      keepOriginalFrom: 0,
      serverMade: false,
    }));
    await using client = await lab.connect();
    await client.deliver(
      `REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204, 206\r\nEncapsulated: req-hdr=0, req-body=46\r\n\r\nPOST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n${chunk('form')}${END}`,
    );
    expect(await client.answer()).toMatchObject({
      status: 206,
      sections: 'POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nX-Seen: 1\r\n\r\n',
      body: '',
      extension: 'use-original-body=0',
    });
    await probe(client, '/s');
  });
});

describe('offsets (C-65)', () => {
  test.each([
    ['the last byte', 19, 206, 'use-original-body=19'],
    ['the length', 20, 200, ''],
    ['one past the length', 21, 200, ''],
  ])('C-65 an offset at %s', async (_, from, status, extension) => {
    await using lab = await labFor(change({ from, prefix: 'new', hold: true }));
    await using client = await lab.connect();
    const answer = await send(client, 'Allow: 204, 206\r\n', null);
    expect(answer).toMatchObject({ status, extension, body: 'new' });
    expect(answer.sections).toBe(headWith(result(answer).length));
    await probe(client, '/s');
  });

  test.each([-1, 1.5, NaN, Infinity])('C-65 an offset of %d is an error of the service', async (from) => {
    await using lab = await labFor(change({ from, prefix: 'new' }));
    await using client = await lab.connect();
    expect(await send(client, 'Allow: 204, 206\r\n', null)).toMatchObject({ status: 500 });
    await probe(client, '/s');
  });
});

describe('Content-Length of the assembled body (C-66)', () => {
  test.each<[string, Change, string]>([
    ['grows with the prefix', { from: 0, prefix: 'abc' }, 'Content-Length: 23\r\n'],
    ['shrinks with what is dropped', { from: 5 }, 'Content-Length: 15\r\n'],
    [
      'is mended where the service gave another',
      { from: 0, headers: ['content-length', '7'] },
      'content-length: 20\r\n',
    ],
    [
      'is given once, in its place',
      { from: 0, headers: ['A', 'b', 'Content-Length', '1', 'C', 'd', 'Content-Length', '2'] },
      'A: b\r\nContent-Length: 20\r\nC: d\r\n',
    ],
    ['is not added where the service left it out', { from: 0, headers: ['A', 'b'] }, 'A: b\r\n'],
  ])('C-66 %s', async (_, what, fields) => {
    for (const allow of ['Allow: 204, 206\r\n', '']) {
      await using lab = await labFor(change(what));
      await using client = await lab.connect();
      const answer = await send(client, allow, null);
      expect(answer.status).toBe(allow === '' ? 200 : 206);
      expect(answer.sections).toBe(`HTTP/1.1 200 OK\r\n${fields}\r\n`);
    }
  });

  test('C-66 is taken from the header while the body has not arrived', async () => {
    await using lab = await labFor(change({ from: 0, prefix: 'abc' }));
    await using client = await lab.connect();
    expect((await send(client, 'Allow: 206\r\n', 8)).sections).toBe(headWith(23));
  });

  test.each(['nonsense', '20, 20'])('C-66 is removed where the original says "%s"', async (length) => {
    await using lab = await labFor(change({ from: 0, prefix: 'abc' }));
    await using client = await lab.connect();
    const head = headWith(length);
    await client.deliver(
      `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 206\r\nPreview: 0\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}${END}`,
    );
    expect(await client.answer()).toMatchObject({ status: 206, sections: 'HTTP/1.1 200 OK\r\n\r\n' });
    await probe(client, '/s');
  });

  test('C-66 counts the bytes that came, where they are fewer than the header says', async () => {
    await using lab = await labFor(change({ from: 0, prefix: 'abc', hold: true }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: 204, 206\r\n', chunk('short') + END));
    expect((await client.answer()).sections).toBe(headWith(8));
  });
});

describe('the connection behind a 206', () => {
  test('C-82 S-11 the rest of a request that was answered 206 early is read away', async () => {
    await using lab = await labFor(change({ from: 0 }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: 204, 206\r\n', chunk('twenty ')));
    expect(await client.answer()).toMatchObject({ status: 206 });
    await client.deliver(chunk('bytes of text') + END);
    await probe(client, '/s');
    expect(lab.reports).toHaveLength(1);
  });

  test('C-49 the client sends nothing more behind a preview that was answered 206', async () => {
    await using lab = await labFor(change({ from: 0 }));
    await using client = await lab.connect();
    await send(client, 'Allow: 206\r\n', 8);
    await probe(client, '/s');
  });

  test('C-33 HTTP trailers come back where the server appends the original', async () => {
    await using lab = await labFor(change({ from: 7, prefix: 'ALERT: ' }));
    await using client = await lab.connect();
    await client.deliver(respmod('', `${chunk(ORIGINAL)}0\r\nX-Sum: 1\r\n\r\n`));
    expect(await client.answer()).toMatchObject({
      status: 200,
      body: 'ALERT: bytes of text',
      trailers: 'X-Sum: 1\r\n',
    });
    await probe(client, '/s');
  });

  test('S-206 a prefix that is made as it goes is streamed, and the offset comes last', async () => {
    const prefix = new Body();
    await using lab = await labFor(({ response }) => ({
      kind: 'adapted',
      response: response!,
      body: prefix,
      keepOriginalFrom: 7,
      serverMade: false,
    }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: 204, 206\r\n', chunk(ORIGINAL) + END));
    prefix.push(Buffer.from('ALERT'));
    await client.raw.until('ALERT');
    prefix.push(Buffer.from(': '));
    prefix.end();
    const answer = await client.answer();
    expect(answer).toMatchObject({ status: 206, sections: 'HTTP/1.1 200 OK\r\n\r\n' });
    expect(result(answer)).toBe('ALERT: bytes of text');
    await probe(client, '/s');
  });

  test('S-08 a prefix that breaks off cuts the connection without a last chunk', async () => {
    const prefix = new Body();
    await using lab = await labFor(({ response }) => ({
      kind: 'adapted',
      response: response!,
      body: prefix,
      keepOriginalFrom: 7,
      serverMade: false,
    }));
    await using client = await lab.connect();
    await client.deliver(respmod('Allow: 204, 206\r\n', chunk(ORIGINAL) + END));
    prefix.push(Buffer.from('ALERT'));
    await client.raw.until('ALERT');
    prefix.fail(new Error('gone'));
    expect((await client.raw.closed()).toString()).toMatch(/ALERT\r\n$/);
    expect(lab.reports).toMatchObject([{ icapStatus: 206, error: { code: 'ERR_ICAP_SERVICE' } }]);
  });

  test('S-07 a large original is assembled for a client that reads only after it has sent all', async () => {
    await using lab = await labFor(change({ from: 1, prefix: 'X' }));
    await using client = await lab.connect();
    client.raw.socket.pause();
    const data = 'x'.repeat(4 * 1024 * 1024);
    let sent = false;
    client.raw.socket.write(Buffer.from(respmod('', chunk(data) + END), 'latin1'), () => (sent = true));
    await turnsUntil(() => sent, 'all to be sent');
    client.raw.socket.resume();
    const received = await client.raw.until((all) => all.subarray(-7).toString() === '\r\n0\r\n\r\n', 20_000);
    expect(received.toString('latin1', 0, 300)).toContain(`Content-Length: ${data.length}\r\n`);
  });
});

describe('OPTIONS (C-62)', () => {
  test.each([
    [true, 'Allow: 206\r\n', '204, 206'],
    [true, 'Allow: 204, 206, trailers\r\n', '204, 206'],
    [true, '', '204'],
    [true, 'Allow: 204\r\n', '204'],
    [false, 'Allow: 204, 206\r\n', '204'],
  ])(
    'C-62 S-O9 a service with 206: %s, a client with "%s": Allow: %s',
    async (partialContent, fields, allow) => {
      await using lab = await startLab({ '/s': { methods: ['RESPMOD'], description: { partialContent } } });
      await using client = await lab.connect();
      await client.deliver(`OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n${fields}\r\n`);
      expect((await client.answer()).fields).toContain(`allow: ${allow}`);
    },
  );
});
