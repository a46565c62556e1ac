// What deployed clients get wrong, read leniently and strictly. The rules are those of the codec; here the
// server is asked, since a wrong guess would show in what it answers next.

import { expect, test } from '@jest/globals';
import type { IcapTransaction } from '../../../src/icap/service.ts';
import type { Lab } from './lab.ts';
import { startLab, UNMODIFIED } from './lab.ts';
import { probe } from './play.ts';

const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n'; // 45 bytes
const OK = 'HTTP/1.1 200 OK\r\n\r\n'; // 19 bytes
const BODY = '5\r\nhello\r\n0\r\n\r\n';
const reqmod = (encapsulated: string, parts: string): string =>
  `REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: ${encapsulated}\r\n\r\n${parts}`;
const respmod = (encapsulated: string, parts: string): string =>
  reqmod(encapsulated, parts).replace('REQMOD', 'RESPMOD');
const PLAIN = reqmod('req-hdr=0, null-body=45', GET);

/** A server whose service reads all and writes down what it saw. */
function seeingLab(strict: boolean, seen: string[]): Promise<Lab> {
  const handle = async ({ sections, body }: IcapTransaction & { sections?: { requestHeader: unknown } }) => {
    const content = await body?.hold();
    const header = sections?.requestHeader;
    seen.push(`${header instanceof Buffer ? header.length : '-'} ${content?.memory?.toString() ?? '-'}`);
    return UNMODIFIED;
  };
  return startLab({ '/s': { methods: ['REQMOD', 'RESPMOD'], handle } }, { strict });
}

test.each<[string, string, number, number, string | null]>([
  // what, request → status leniently, status strictly, what the service saw: request header, body
  ['C-06 no Host', PLAIN.replace('Host: h\r\n', ''), 204, 400, '45 -'],
  ['C-06 an empty Host', PLAIN.replace('Host: h', 'Host:'), 204, 204, '45 -'],
  ['C-15 bare LF in the ICAP header', PLAIN.replace('Allow: 204\r\n', 'Allow: 204\n'), 400, 400, null],
  ['C-15 bare LF only', PLAIN.replaceAll('\r\n', '\n'), 400, 400, null],
  ['C-15 empty lines in front', `\r\n\r\n${PLAIN}`, 204, 204, '45 -'],
  ['C-22 an empty section', respmod('req-hdr=0, res-hdr=0, res-body=19', OK + BODY), 204, 400, '- hello'],
  ['C-22 V-36 null-body=0 in front of a header', reqmod('req-hdr=0, null-body=0', GET), 400, 400, null],
  ['C-23 names in capitals', reqmod('Req-Hdr=0, NULL-BODY=45', GET), 204, 204, '45 -'],
  ['C-23 V-36 blanks instead of commas', reqmod('req-hdr=0 null-body=45', GET), 204, 400, '45 -'],
  ['C-26 no blank line at the end', reqmod('req-hdr=0, null-body=43', GET.slice(0, -2)), 204, 400, '45 -'],
  ['C-26 an offset inside a line', reqmod('req-hdr=0, req-body=30', GET + BODY), 400, 400, null],
  ['C-26 an offset that reaches into the body', reqmod('req-hdr=0, req-body=48', GET + BODY), 400, 400, null],
  ['V-30 a second header in the section', reqmod('req-hdr=0, req-body=64', GET + OK + BODY), 204, 400, '45 hello'],
  ['V-28 a request line in res-hdr', respmod('res-hdr=0, res-body=45', GET + BODY), 204, 204, '- hello'],
  ['C-10 V-29 an empty identity field', PLAIN.replace('Allow', 'X-Client-IP:\r\nAllow'), 204, 204, '45 -'],
  ['C-13 a Content-Length of no meaning', PLAIN.replace('Allow', 'Content-Length: 1\r\nAllow'), 204, 204, '45 -'],
  ['C-19 an offer to upgrade', PLAIN.replace('Allow', 'Upgrade: TLS/1.0\r\nAllow'), 204, 204, '45 -'],
  ['C-37 two framings in the HTTP header', respmod('res-hdr=0, res-body=66', `HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n${BODY}`), 204, 204, '- hello'],
])('%s', async (_, request, lenient, strict, sees) => {
  for (const [mode, status] of [[false, lenient], [true, strict]] as const) {
    const seen: string[] = [];
    await using lab = await seeingLab(mode, seen);
    await using client = await lab.connect();
    await client.deliver(request);
    const answer = await client.answer();
    expect({ mode, status: answer.status }).toEqual({ mode, status });
    expect(seen).toEqual(status === 204 ? [sees] : []);
    if (status === 204) await probe(client, '/s');
    else expect(await client.closed()).toHaveLength(0);
  }
}); // prettier-ignore

const EMPTY_PREVIEW = respmod('res-hdr=0, res-body=19', `${OK}0\r\n\r\n`).replace(
  'Allow',
  'Preview: 0\r\nAllow',
);

test('V-12 an empty preview that is ended twice does not hide the body, read leniently', async () => {
  const seen: string[] = [];
  await using lab = await seeingLab(false, seen);
  await using client = await lab.connect();
  await client.deliver(`${EMPTY_PREVIEW}0\r\n\r\n`);
  expect(await client.answer()).toMatchObject({ status: 100 });
  await client.deliver(BODY);
  expect(await client.answer()).toMatchObject({ status: 204 });
  expect(seen).toEqual(['- hello']);
  await probe(client, '/s');
});

test('V-12 an empty preview that is ended twice does not break the next request, read leniently', async () => {
  await using lab = await startLab({ '/s': { methods: ['REQMOD', 'RESPMOD'] } });
  await using client = await lab.connect();
  await client.deliver(`${EMPTY_PREVIEW}0\r\n\r\n`);
  expect(await client.answer()).toMatchObject({ status: 204 });
  await client.deliver(PLAIN);
  expect(await client.answer()).toMatchObject({ status: 204 });
  await probe(client, '/s');
});

test.each([
  ['ends its empty preview twice', '0\r\n\r\n'],
  ['does not wait for 100', BODY],
])('V-12 C-48 a client that %s is refused, read strictly', async (_, ahead) => {
  for (const cut of [0, 5]) {
    // bytes of the preview that come in one piece with what is ahead: all, or its end alone
    const seen: string[] = [];
    await using lab = await seeingLab(true, seen);
    await using client = await lab.connect();
    if (cut > 0) await client.deliver(EMPTY_PREVIEW.slice(0, -cut));
    await client.deliver(EMPTY_PREVIEW.slice(-cut) + ahead);
    expect(await client.answer()).toMatchObject({ status: 100 });
    expect(await client.answer()).toMatchObject({ status: 400 });
    expect(await client.closed()).toHaveLength(0);
    expect(seen).toEqual([]);
  }
});

test('C-48 a client that does not wait for 100 is understood, read leniently', async () => {
  const seen: string[] = [];
  await using lab = await seeingLab(false, seen);
  await using client = await lab.connect();
  await client.deliver(EMPTY_PREVIEW + BODY);
  expect(await client.answer()).toMatchObject({ status: 100 });
  expect(await client.answer()).toMatchObject({ status: 204 });
  expect(seen).toEqual(['- hello']);
});
