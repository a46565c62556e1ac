// Each status "sent exactly when": what brings it about, what does not, and what becomes of the connection.
// The smallest exchange for each is in test/vectors/icap/statuses.md; here is the table around it.

import { describe, expect, test } from '@jest/globals';
import type { ErrorCode } from '../../../src/errors.ts';
import { IcapError } from '../../../src/errors.ts';
import { Body } from '../../../src/http/body.ts';
import { REASONS } from '../../../src/icap/server/responses.ts';
import type { Handler, Lab, LabOptions } from './lab.ts';
import { startLab, UNMODIFIED } from './lab.ts';
import { probe } from './play.ts';

const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n'; // 45 bytes
const OK = 'HTTP/1.1 200 OK\r\n\r\n'; // 19 bytes
const BODY = '5\r\nhello\r\n0\r\n\r\n';
const REQ = `Encapsulated: req-hdr=0, null-body=45\r\n\r\n${GET}`;
const REQ_BODY = `Encapsulated: req-hdr=0, req-body=45\r\n\r\n${GET}${BODY}`;
const RES_BODY = `Encapsulated: res-hdr=0, res-body=19\r\n\r\n${OK}${BODY}`;
const RES_EMPTY = `Encapsulated: res-hdr=0, null-body=19\r\n\r\n${OK}`;
const IEOF = RES_BODY.replace('0\r\n\r\n', '0; ieof\r\n\r\n');

const to = (path: string, method = 'REQMOD'): string => `${method} icap://h${path} ICAP/1.0\r\nHost: h\r\n`;

const fail =
  (code: ErrorCode): Handler =>
  () =>
    Promise.reject(new IcapError(code, 'as scripted'));
const page: Handler = () => ({
  kind: 'adapted',
  response: { version: '1.1', status: 403, reason: 'Forbidden', headers: [] },
  body: Body.of(Buffer.from('blocked')),
  serverMade: true,
});
const both = ['REQMOD', 'RESPMOD'] as const;

function tableLab(options: LabOptions = {}): Promise<Lab> {
  return startLab(
    {
      '/pass': { methods: both },
      '/read': { methods: both, handle: (it) => it.body!.hold().then(() => UNMODIFIED) },
      '/block': { methods: both, handle: page },
      '/stamp': {
        methods: both,
        handle: ({ response }) => ({
          kind: 'adapted',
          response: response!,
          body: null,
          keepOriginalFrom: 0,
          serverMade: false,
        }),
      },
      '/req': { methods: ['REQMOD'] },
      '/needs': { methods: both, requires: { REQMOD: 'req-hdr', RESPMOD: 'res-hdr' } },
      '/throws': {
        methods: both,
        handle: () => {
          throw new TypeError('a bug');
        },
      },
      '/scan': { methods: both, handle: fail('ERR_SCAN_TIMEOUT') },
      '/behind': { methods: both, handle: fail('ERR_ADAPT_UNAVAILABLE') },
      '/slow-behind': { methods: both, handle: fail('ERR_ADAPT_TIMEOUT') },
      '/odd-behind': { methods: both, handle: fail('ERR_ADAPT_PROTOCOL') },
      '/full': { methods: both, description: { maxConnections: 0 } },
      '/later-full': { methods: both, handle: fail('ERR_ICAP_OVERLOADED') },
    },
    options,
  );
}

/** Status that is sent, when, the request, and whether the connection goes on. */
type Row = readonly [number, string, string, 'goes on' | 'ends'];

const ROWS: readonly Row[] = [
  [200, 'OPTIONS', `${to('/pass', 'OPTIONS')}\r\n`, 'goes on'],
  [200, 'OPTIONS with a body and a preview of it', `${to('/pass', 'OPTIONS')}Preview: 9\r\nEncapsulated: opt-body=0\r\n\r\n${BODY}`, 'goes on'],
  [200, 'OPTIONS of a service whose judgements fail (S-14)', `${to('/throws', 'OPTIONS')}\r\n`, 'goes on'],
  [200, 'OPTIONS of a service at its limit (S-14)', `${to('/full', 'OPTIONS')}\r\n`, 'goes on'],
  [200, 'an answer in the stead of the origin', to('/block') + REQ_BODY, 'goes on'],
  [200, 'a message of the service', to('/block', 'RESPMOD') + RES_BODY, 'goes on'],
  [200, 'an unmodified message to a client without 204', to('/pass', 'RESPMOD') + RES_BODY, 'goes on'],
  [200, 'Connection: close', `${to('/pass')}Connection: close\r\n${REQ}`, 'ends'],

  [204, 'unmodified, and Allow: 204', `${to('/pass')}Allow: 204\r\n${REQ_BODY}`, 'goes on'],
  [204, 'unmodified, in answer to a preview', `${to('/pass')}Preview: 9\r\n${REQ_BODY}`, 'goes on'],
  [204, 'unmodified, ieof (C-46)', `${to('/pass', 'RESPMOD')}Preview: 9\r\n${IEOF}`, 'goes on'],
  [204, 'unmodified, all read, ieof (C-46)', `${to('/read', 'RESPMOD')}Preview: 9\r\n${IEOF}`, 'goes on'],
  [204, 'unmodified, a preview of no body (C-35, C-52)', `${to('/pass', 'RESPMOD')}Preview: 0\r\n${RES_EMPTY}`, 'goes on'],
  [204, 'Connection: close', `${to('/pass')}Allow: 204\r\nConnection: close\r\n${REQ}`, 'ends'],

  [206, 'the original goes on, in answer to a preview', `${to('/stamp', 'RESPMOD')}Allow: 206\r\nPreview: 9\r\n${RES_BODY}`, 'goes on'],
  [206, 'the original goes on, 204 and 206', `${to('/stamp', 'RESPMOD')}Allow: 204, 206\r\n${RES_BODY}`, 'goes on'],

  [400, 'no start line', 'nonsense\r\n\r\n', 'ends'],
  [400, 'a path instead of a URI', 'OPTIONS /pass ICAP/1.0\r\nHost: h\r\n\r\n', 'ends'],
  [400, 'another protocol', 'GET icap://h/pass HTTP/1.1\r\nHost: h\r\n\r\n', 'ends'],
  [400, 'a blank before the colon', 'OPTIONS icap://h/pass ICAP/1.0\r\nHost : h\r\n\r\n', 'ends'],
  [400, 'two Host fields', `${to('/pass', 'OPTIONS')}Host: h\r\n\r\n`, 'ends'],
  [400, 'Transfer-Encoding', `${to('/pass')}Transfer-Encoding: chunked\r\n${REQ}`, 'ends'],
  [400, 'a Preview that is no number', `${to('/pass')}Preview: all\r\n${REQ}`, 'ends'],
  [400, 'no Encapsulated in REQMOD', `${to('/pass')}\r\n`, 'ends'],
  [400, 'no Encapsulated in RESPMOD', `${to('/pass', 'RESPMOD')}\r\n`, 'ends'],
  [400, 'nothing encapsulated', `${to('/pass')}Encapsulated: null-body=0\r\n\r\n`, 'ends'],
  [400, 'a header that ends inside a line', `${to('/pass')}Encapsulated: req-hdr=0, null-body=44\r\n\r\n${GET}`, 'ends'],
  [400, 'a chunk size that is none', `${to('/read')}${REQ_BODY.replace('5\r\n', 'x\r\n')}`, 'ends'],
  [400, 'ieof without a preview', `${to('/read', 'RESPMOD')}${IEOF}`, 'ends'],
  [400, 'a preview that is too long', `${to('/read')}Preview: 4\r\n${REQ_BODY}`, 'ends'],
  [400, 'an ICAP header that is too long', `${to('/pass')}X: ${'x'.repeat(65 * 1024)}\r\n\r\n`, 'ends'],
  [400, 'a section that is too long', `${to('/pass')}Encapsulated: req-hdr=0, null-body=999999\r\n\r\n`, 'ends'],

  [404, 'OPTIONS of an unknown path', `${to('/nope', 'OPTIONS')}\r\n`, 'goes on'],
  [404, 'an unknown path, with a body', to('/nope') + REQ_BODY, 'goes on'],
  [404, 'an unknown path, with a preview', `${to('/nope', 'RESPMOD')}Preview: 9\r\n${RES_BODY}`, 'goes on'],
  [404, 'a path in another case (C-05)', to('/Pass') + REQ, 'goes on'],
  [404, 'no path (C-02)', to('') + REQ, 'goes on'],
  [404, 'Connection: close', `${to('/nope')}Connection: close\r\n${REQ_BODY}`, 'ends'],

  [405, 'a method that the service lacks', to('/req', 'RESPMOD') + RES_BODY, 'goes on'],
  [405, 'a method that the service lacks, with a preview', `${to('/req', 'RESPMOD')}Preview: 9\r\n${RES_BODY}`, 'goes on'],

  [418, 'RESPMOD without res-hdr', `${to('/needs', 'RESPMOD')}Encapsulated: res-body=0\r\n\r\n${BODY}`, 'goes on'],
  [418, 'RESPMOD with req-hdr only', `${to('/needs', 'RESPMOD')}Encapsulated: req-hdr=0, res-body=45\r\n\r\n${GET}${BODY}`, 'goes on'],
  [418, 'REQMOD without req-hdr, with a preview', `${to('/needs')}Preview: 9\r\nEncapsulated: req-body=0\r\n\r\n${BODY}`, 'goes on'],

  [500, 'a bug of the service', to('/throws') + REQ_BODY, 'goes on'],
  [500, 'a bug of the service, with a preview', `${to('/throws')}Preview: 9\r\n${REQ_BODY}`, 'goes on'],
  [500, 'a scan that failed', to('/scan', 'RESPMOD') + RES_BODY, 'goes on'],

  [501, 'FILEMOD', `${to('/pass', 'FILEMOD')}\r\n`, 'ends'],
  [501, 'LOG', `${to('/pass', 'LOG')}\r\n`, 'ends'],
  [501, 'options in lower case (C-01)', `${to('/pass', 'options')}\r\n`, 'ends'],

  [502, 'nothing behind an intermediary', to('/behind') + REQ_BODY, 'goes on'],
  [502, 'too slow behind an intermediary', to('/slow-behind') + REQ_BODY, 'goes on'],
  [502, 'nonsense behind an intermediary', to('/odd-behind', 'RESPMOD') + RES_BODY, 'goes on'],

  [503, 'a service at its limit', to('/full') + REQ_BODY, 'ends'],
  [503, 'a service that says that it is full', to('/later-full') + REQ_BODY, 'ends'],

  [505, 'a later version', 'OPTIONS icap://h/pass ICAP/2.0\r\nHost: h\r\n\r\n', 'ends'],
  [505, 'another minor version', 'OPTIONS icap://h/pass ICAP/1.1\r\nHost: h\r\n\r\n', 'ends'],
]; // prettier-ignore

describe.each([false, true])('strict: %s', (strict) => {
  test.each(ROWS)('S-%i is the answer to %s', async (status, _, request, then) => {
    await using lab = await tableLab({ strict });
    await using client = await lab.connect();
    await client.deliver(request);
    const answer = await client.answer(); // S-01: the first answer is the final one
    expect(answer.status).toBe(status);
    expect(answer.fields).toContainEqual(expect.stringMatching(/^istag: "[A-Za-z0-9.-]{1,30}"$/)); // S-02
    expect(answer.fields.includes('connection: close')).toBe(then === 'ends'); // C-84
    if (status === 405) expect(answer.fields).toContain('methods: REQMOD');
    if (status >= 400) expect(answer).toMatchObject({ sections: '', body: null }); // C-21.16
    const encapsulated = answer.fields.some((field) => field.startsWith('encapsulated: '));
    expect(encapsulated).toBe(status !== 204); // C-20
    if (then === 'goes on') await probe(client, '/pass');
    else expect(await client.closed()).toHaveLength(0);
  });
});

test('S-100 S-03 precedes the final answer only where the service wants what follows the preview', async () => {
  await using lab = await tableLab();
  for (const [path, fields, parts, statuses] of [
    ['/read', 'Preview: 9\r\n', RES_BODY, [100, 200]],
    ['/read', 'Preview: 9\r\nAllow: 204\r\n', RES_BODY, [100, 204]],
    ['/read', '', RES_BODY, [200]],
    ['/read', 'Preview: 9\r\n', IEOF, [204]],
    ['/pass', 'Preview: 9\r\n', RES_BODY, [204]],
    ['/block', 'Preview: 9\r\n', RES_BODY, [200]],
    ['/pass', 'Preview: 9\r\n', RES_EMPTY, [204]],
  ] as const) {
    await using client = await lab.connect();
    await client.deliver(to(path, 'RESPMOD') + fields + parts);
    const seen: number[] = [];
    for (const status of statuses) {
      seen.push((await client.answer()).status);
      if (status === 100) await client.deliver('1\r\n!\r\n0\r\n\r\n');
    }
    expect({ path, fields, seen }).toEqual({ path, fields, seen: [...statuses] });
    await probe(client, '/pass');
  }
});

test('S-201 is no status that this server can send', () => {
  expect(Object.keys(REASONS)).not.toContain('201');
  for (const row of ROWS) expect(Object.keys(REASONS)).toContain(String(row[0]));
});

describe('the end of a connection', () => {
  test('S-09 an error reaches a client that goes on sending up to 1 MiB', async () => {
    await using lab = await tableLab();
    await using client = await lab.connect();
    client.raw.send(to('/read') + REQ_BODY.replace('5\r\n', 'x\r\n'));
    client.raw.send(Buffer.alloc(900 * 1024, 'x'));
    expect(await client.answer()).toMatchObject({ status: 400 });
    client.raw.end();
    expect(await client.closed()).toHaveLength(0);
    expect(lab.refused).toHaveLength(1);
  });

  test('S-09 a client that does not stop is cut off', async () => {
    await using lab = await tableLab();
    await using client = await lab.connect();
    client.raw.socket.on('error', () => {});
    client.raw.send('nonsense\r\n\r\n');
    expect(await client.answer()).toMatchObject({ status: 400 });
    const flood = setInterval(() => client.raw.socket.write(Buffer.alloc(256 * 1024)), 1);
    const gone = new Promise((resolve) => client.raw.socket.once('close', resolve));
    client.raw.socket.on('end', () => client.raw.socket.write(Buffer.alloc(2 * 1024 * 1024)));
    await gone;
    clearInterval(flood);
  });

  test('C-80 a request behind Connection: close is not served', async () => {
    await using lab = await tableLab();
    await using client = await lab.connect();
    await client.deliver(`${to('/nope')}Connection: keep-alive, Close\r\n${REQ_BODY}${to('/pass')}${REQ}`);
    expect(await client.answer()).toMatchObject({ status: 404 });
    expect(await client.closed()).toHaveLength(0);
    expect(lab.reports).toHaveLength(1);
  });

  test('S-11 C-81 pipelined requests are answered in order across errors that do not end the connection', async () => {
    await using lab = await tableLab();
    await using client = await lab.connect();
    await client.deliver(
      [
        to('/nope') + REQ_BODY,
        to('/throws') + REQ_BODY,
        to('/req', 'RESPMOD') + RES_BODY,
        `${to('/pass', 'RESPMOD')}Preview: 9\r\n${IEOF}`,
        to('/behind') + REQ_BODY,
        to('/block') + REQ,
      ].join(''),
    );
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await client.answer()).status);
    expect(statuses).toEqual([404, 500, 405, 204, 502, 200]);
    await probe(client, '/pass');
  });
});
