// Parts of objects through a whole proxy: real origins, our own gateway in-process and over TCP, curl.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar } from '../../support/eicar.ts';
import { rawClient } from '../../support/rawClient.ts';
import { tempDir } from '../../support/tempDir.ts';
import { type LocalWeir, type LogRecord, startTestWeir, type WeirSettings } from '../../support/weir.ts';
import { type RangedOrigin, rangedOrigin } from './ranged-origin.ts';

const DATED = { 'Last-Modified': 'Wed, 01 Jan 2025 10:00:00 GMT' };
const TAGGED = { ETag: '"v1"' };

const WAYS: Readonly<Record<string, (port: number) => WeirSettings>> = {
  'in-process': () => ({}),
  'over TCP': (port) => ({
    adaptation: { services: { sandblast: { url: `icap://127.0.0.1:${port}/sandblast`, inProcess: false } } },
  }),
};

describe.each(Object.entries(WAYS))('a request for a part, scanned %s', (_, settings) => {
  let origin: RangedOrigin;
  let weir: LocalWeir;
  let paths = 0;

  beforeAll(async () => {
    origin = await rangedOrigin();
    weir = await startTestWeir(settings);
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  /** Puts an object at a path of its own. */
  function put(
    body: Buffer | string,
    headers: Record<string, string> = TAGGED,
    more: { chunked?: boolean; ready?: Promise<void> } = {},
  ): string {
    const path = `/object-${paths++}`;
    origin.objects.set(path, { body: Buffer.from(body), headers, ...more });
    return path;
  }
  const get = (path: string, ...args: string[]) => weir.curl(...args, `${origin.url}${path}`);
  const records = (path: string, count: number): Promise<LogRecord[]> =>
    weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path), count);
  const scans = async (path: string, count: number): Promise<number> => {
    const seen = await records(path, count);
    return seen.flatMap(({ adaptation }) => adaptation).filter(({ method }) => method === 'RESPMOD').length;
  };

  test('is served from the whole object, which was fetched and scanned once', async () => {
    const path = put('0123456789');
    const first = await get(path, '--range', '2-4');
    expect([first.status, first.body.toString()]).toEqual([206, '234']);
    expect(first.header('content-range')).toBe('bytes 2-4/10');
    expect(first.header('content-length')).toBe('3');
    expect(first.header('etag')).toBe('"v1"');
    expect((await get(path, '--range', '-3')).body.toString()).toBe('789');
    expect((await get(path, '--range', '7-99')).header('content-range')).toBe('bytes 7-9/10');
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 304', 'GET - 304']);
    expect(await scans(path, 3)).toBe(1);
    const [fetched, ...kept] = await records(path, 3);
    expect(fetched).toMatchObject({ range: { object: fetched!.id, use: 'fetched' }, verdict: 'allowed' });
    for (const record of kept) {
      expect(record).toMatchObject({
        ...{ range: { object: fetched!.id, use: 'kept' }, status: 206, adaptation: expect.any(Array) },
        coverage: { state: 'clean', reason: null },
      });
    }
  });

  test('is refused with a whole page when the object is malware, though each part is harmless', async () => {
    const [start, end] = [eicar().subarray(0, 30), eicar().subarray(30)];
    const path = put(eicar());
    for (const [range, part] of [
      ['0-29', start],
      ['30-', end],
    ] as const) {
      const { status, body, headers } = await get(path, '--range', range);
      expect(status).toBe(403);
      expect(body.includes(part)).toBe(false);
      expect(body.toString()).toContain('EICAR');
      expect(headers).not.toMatch(/content-range/i);
    }
    const seen = await records(path, 2);
    for (const record of seen) {
      expect(record).toMatchObject({ verdict: 'blocked', coverage: { state: 'blocked' } });
      expect(record.threat?.name).toMatch(/EICAR/i);
    }
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 200']);
  });

  test('is one fetch and one scan for many at the same time', async () => {
    const body = randomBytes(300_000);
    let open = (): void => {};
    const path = put(body, TAGGED, { ready: new Promise((resolve) => (open = resolve)) });
    const ranges = Array.from(
      { length: 12 },
      (_, index) => [index * 25_000, index * 25_000 + 24_999] as const,
    );
    const clients = await Promise.all(ranges.map(() => rawClient(weir.proxyPort)));
    for (const [index, [from, to]] of ranges.entries()) {
      clients[index]!.send(
        `GET ${origin.url}${path} HTTP/1.1\r\nHost: h\r\nRange: bytes=${from}-${to}\r\nConnection: close\r\n\r\n`,
      );
    }
    await rounds();
    open();
    const answers = await Promise.all(clients.map((client) => client.closed()));
    for (const [index, [from, to]] of ranges.entries()) {
      const answer = answers[index]!;
      expect(answer.toString('latin1', 0, 30)).toMatch(/^HTTP\/1\.1 206 /);
      expect(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(body.subarray(from, to + 1))).toBe(true);
    }
    for (const client of clients) await client[Symbol.asyncDispose]();
    expect(origin.asked(path).filter((line) => line.endsWith('200'))).toHaveLength(1);
    expect(await scans(path, 12)).toBe(1);
  });

  test('goes on after a client that has left, for one that waits for the same', async () => {
    let open = (): void => {};
    const path = put('the object', TAGGED, { ready: new Promise((resolve) => (open = resolve)) });
    const ask = `GET ${origin.url}${path} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-2\r\nConnection: close\r\n\r\n`;
    await using leaving = await rawClient(weir.proxyPort);
    leaving.send(ask);
    await rounds();
    await using staying = await rawClient(weir.proxyPort);
    staying.send(ask);
    await rounds();
    leaving.socket.destroy();
    await weir.logged(({ url, status }) => url?.endsWith(path) === true && status === 0);
    open();
    expect((await staying.closed()).toString()).toMatch(/^HTTP\/1\.1 206 [^]*\r\n\r\nthe$/);
    expect(origin.asked(path)).toEqual(['GET - 200']);
  });

  test('resumes a download', async () => {
    await using folder = await tempDir();
    const body = randomBytes(200_000);
    const path = put(body, { ...DATED, ...TAGGED });
    const file = await folder.write('half', body.subarray(0, 70_001));
    const { exitCode } = await get(path, '--continue-at', '-', '--output', file);
    expect(exitCode).toBe(0);
    expect((await readFile(file)).equals(body)).toBe(true);
  });

  test('of several ranges is a multipart answer, in the order in which they were asked for', async () => {
    const path = put('0123456789', { ...TAGGED, 'Content-Type': 'text/x-digits' });
    const answer = await get(path, '--range', '7-8,0-1,-1');
    expect(answer.status).toBe(206);
    const [, boundary] = /^multipart\/byteranges; boundary=(\w+)$/.exec(answer.header('content-type')!)!;
    const part = (range: string, bytes: string): string =>
      `--${boundary}\r\nContent-Type: text/x-digits\r\nContent-Range: bytes ${range}/10\r\n\r\n${bytes}\r\n`;
    expect(answer.body.toString()).toBe(
      `${part('7-8', '78')}${part('0-1', '01')}${part('9-9', '9')}--${boundary}--\r\n`,
    );
    expect(answer.header('content-length')).toBe(String(answer.body.length));
  });

  test('of several ranges of a large object comes out of the file that it is kept in', async () => {
    const body = randomBytes(700_000);
    const path = put(body);
    const answer = await get(path, '--range', '1000-300999,400000-600999');
    expect(answer.body.includes(body.subarray(1000, 301_000))).toBe(true);
    expect(answer.body.includes(body.subarray(400_000, 601_000))).toBe(true);
    expect(answer.header('content-length')).toBe(String(answer.body.length));
  });

  test.each([
    ['behind its end', '10-12', 416, 'bytes */10', ''],
    ['of nothing', '-0', 416, 'bytes */10', ''],
    ['that is more than all of it', '0-,0-', 200, undefined, '0123456789'],
    ['that is not well-formed', 'x-1', 200, undefined, '0123456789'],
    ['that ends before it begins', '5-1', 200, undefined, '0123456789'],
  ])('a range %s is answered as it should be', async (_name, range, status, contentRange, body) => {
    const answer = await get(put('0123456789'), '--header', `Range: bytes=${range}`);
    expect([answer.status, answer.header('content-range'), answer.body.toString()]).toEqual([
      ...[status, contentRange, body],
    ]);
  });

  test.each([
    ['its tag', '"v1"', TAGGED, 206],
    ['another tag', '"v0"', TAGGED, 200],
    ['a weak tag', 'W/"v1"', { ETag: 'W/"v1"' }, 200],
    ['its date', DATED['Last-Modified'], DATED, 206],
    ['another date', 'Wed, 01 Jan 2025 10:00:01 GMT', DATED, 200],
    [
      'a date within a second of its own',
      DATED['Last-Modified'],
      { ...DATED, Date: DATED['Last-Modified'] },
      200,
    ],
  ])('with If-Range of %s', async (_name, condition, headers, status) => {
    const path = put('0123456789', headers);
    const answer = await get(path, '--range', '0-3', '--header', `If-Range: ${condition}`);
    expect([answer.status, answer.body.toString()]).toEqual([status, status === 206 ? '0123' : '0123456789']);
    expect(origin.requests.at(-1)!.headers).not.toHaveProperty('if-range');
  });

  test("conditions of the client itself are the origin's to judge", async () => {
    const path = put('0123456789');
    const fresh = await get(path, '--range', '0-3', '--header', 'If-None-Match: "v1"');
    expect(fresh.status).toBe(304);
    const stale = await get(path, '--range', '0-3', '--header', 'If-None-Match: "v0"');
    expect([stale.status, stale.body.toString()]).toEqual([206, '0123']);
    expect(await scans(path, 2)).toBe(2); // the head of the 304, and the object
  });

  test('another version of the object is scanned anew', async () => {
    const path = put('0123456789');
    expect((await get(path, '--range', '0-3')).body.toString()).toBe('0123');
    origin.objects.set(path, { body: eicar(), headers: { ETag: '"v2"' } });
    expect((await get(path, '--range', '0-3')).status).toBe(403);
  });

  test('HEAD and other units go to the origin as they are', async () => {
    const path = put('0123456789');
    expect((await get(path, '--head', '--range', '0-3')).header('content-range')).toBe('bytes 0-3/10');
    expect((await get(path, '--header', 'Range: lines=1-2')).body.toString()).toBe('0123456789');
    expect(origin.asked(path)).toEqual(['HEAD bytes=0-3 206', 'GET lines=1-2 200']);
  });

  test('an object without length that proves too long is not scanned, and its part comes from the origin', async () => {
    await weir.reload({
      ...settings(weir.gatewayPort),
      adaptation: { ...settings(weir.gatewayPort).adaptation, ranges: { max: '100KiB' } },
    });
    for (const chunked of [true, false]) {
      const body = randomBytes(200_000);
      const path = put(body, TAGGED, { chunked });
      for (const range of ['0-9', '100-109']) {
        const { status, body: part } = await get(path, '--range', range);
        const [from, to] = range.split('-').map(Number) as [number, number];
        expect([status, part.equals(body.subarray(from, to + 1))]).toEqual([206, true]);
      }
      expect(origin.asked(path).slice(-2)).toEqual(['GET bytes=0-9 206', 'GET bytes=100-109 206']);
      expect(origin.asked(path)).toHaveLength(3);
      const [record] = await records(path, 2);
      expect(record).toMatchObject({
        range: { object: null, use: 'origin' },
        coverage: { state: 'not-scanned', reason: 'range' },
      });
    }
    await weir.reload(settings(weir.gatewayPort));
  });
});

/** Time for what was written to be read and worked on, on both sides of a socket. */
async function rounds(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
