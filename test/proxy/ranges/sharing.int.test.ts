// Who gets a part of an object that is kept, and for how long; and what the modes of adaptation.ranges do.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eicar } from '../../support/eicar.ts';
import { originServer, rawOrigin } from '../../support/originServer.ts';
import { connectThrough, rawClient, rawClientOn } from '../../support/rawClient.ts';
import { type LocalWeir, type LogRecord, startTestWeir, type WeirSettings } from '../../support/weir.ts';
import { traceRecord } from '../../../src/trace/record.ts';
import { formatStory } from '../../../src/trace/story.ts';
import { type RangedOrigin, rangedOrigin } from './ranged-origin.ts';

let origin: RangedOrigin;
let weir: LocalWeir;
let paths = 0;
let inForce = '';

beforeAll(async () => {
  origin = await rangedOrigin();
  weir = await startTestWeir();
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});
beforeEach(() => using({}));

async function using(adaptation: object, more: WeirSettings = {}): Promise<void> {
  const wanted = JSON.stringify([adaptation, more]);
  if (wanted !== inForce && inForce !== '') await weir.reload({ adaptation, ...more } as WeirSettings);
  inForce = wanted;
}

const TAG = { ETag: '"v1"' };
const put = (headers: Record<string, string> = TAG, body: Buffer | string = '0123456789'): string => {
  const path = `/shared-${paths++}`;
  origin.objects.set(path, { body: Buffer.from(body), headers });
  return path;
};
const part = (path: string, ...args: string[]) =>
  weir.curl('--range', '2-4', ...args, `${origin.url}${path}`);
const lastRecord = async (path: string, count = 1): Promise<LogRecord> =>
  (await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path), count)).at(-1)!;
const OTHER = ['--interface', '127.0.0.2'];

describe('an object that is kept', () => {
  test('serves another client, after the origin was asked whether it is still the same', async () => {
    const path = put();
    await part(path);
    const second = await part(path, ...OTHER);
    expect([second.status, second.body.toString()]).toEqual([206, '234']);
    expect(second.header('age')).toBe('0');
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 304']);
  });

  test('is not asked for again while it is fresh, unless the client wants that', async () => {
    const path = put({ ...TAG, 'Cache-Control': 'max-age=60' });
    for (const more of [[], OTHER, ['--header', 'Cache-Control: no-cache']]) await part(path, ...more);
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 304']);
  });

  test('without validators serves until its time is over, if nothing speaks against it', async () => {
    const path = put({});
    await part(path);
    expect((await part(path)).body.toString()).toBe('234');
    const never = put({ 'Cache-Control': 'no-store' });
    await part(never);
    await part(never);
    expect([origin.asked(path).length, origin.asked(never).length]).toEqual([1, 2]);
  });

  test.each([
    ['private', { ...TAG, 'Cache-Control': 'private' }, []],
    ['not to be stored', { ...TAG, 'Cache-Control': 'no-store' }, []],
    ['sent with a cookie', { ...TAG, 'Set-Cookie': 'a=b' }, []],
    ['asked for with a cookie', TAG, ['--cookie', 'a=b']],
    ['asked for with a password', TAG, ['--user', 'joe:secret']],
  ])('that is %s serves the same client alone', async (_name, headers, args) => {
    const path = put(headers);
    const first = await part(path, ...args);
    const second = await part(path, ...args);
    const other = await part(path, ...args, ...OTHER);
    expect([second.body.toString(), other.body.toString()]).toEqual(['234', '234']);
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 304', 'GET - 200']);
    const cookies = [first, second, other].map((answer) => answer.header('set-cookie'));
    expect(cookies).toEqual('Set-Cookie' in headers ? ['a=b', undefined, 'a=b'] : Array(3).fill(undefined));
  });

  test('does not serve other credentials of the same client', async () => {
    const path = put();
    for (const cookie of ['a=1', 'a=2', 'a=1']) await part(path, '--cookie', cookie);
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 200', 'GET - 304']);
  });

  test('serves requests that agree in what Vary names', async () => {
    const path = put({ ...TAG, Vary: 'Accept-Language' });
    for (const language of ['de', 'en', 'de']) await part(path, '--header', `Accept-Language: ${language}`);
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 200', 'GET - 304']);
    const any = put({ ...TAG, Vary: '*' });
    await part(any);
    await part(any);
    expect(origin.asked(any)).toEqual(['GET - 200', 'GET - 200']);
  });

  test('serves nobody whom other rules are for', async () => {
    const rules = [
      { point: 'respmod', use: ['sandblast'] },
      { point: 'respmod', use: ['echo'], when: { clients: ['127.0.0.2'] } },
    ];
    const services = { echo: { url: `icap://127.0.0.1:${weir.gatewayPort}/echo` } };
    await using({ rules, services });
    const path = put();
    for (const more of [[], OTHER, []]) await part(path, ...more);
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 200', 'GET - 304']);
  });

  test('is not what a tunnel to another place finds under the same name', async () => {
    await using evil = await rangedOrigin({ tls: true, names: ['evil.test'] });
    await using good = await rangedOrigin({ tls: true, names: ['good.test'] });
    for (const [server, body] of [
      [evil, 'bad bytes!'],
      [good, 'good bytes'],
    ] as const) {
      server.objects.set('/file', { body: Buffer.from(body), headers: { 'Cache-Control': 'max-age=60' } });
    }
    const ask = async (name: string, port: number): Promise<string> => {
      const socket = await connectThrough(weir.proxyPort, `${name}:${port}`, { ca: weir.ca });
      await using client = rawClientOn(socket);
      client.send(
        `GET /file HTTP/1.1\r\nHost: good.test:${good.port}\r\nRange: bytes=0-3\r\nConnection: close\r\n\r\n`,
      );
      return (await client.closed()).toString().slice(-4);
    };
    expect(await ask('evil.test', evil.port)).toBe('bad ');
    expect(await ask('good.test', good.port)).toBe('good');
  });

  test('is forgotten at a reload, since services may judge otherwise then', async () => {
    const path = put({ ...TAG, 'Cache-Control': 'max-age=60' });
    await part(path);
    await using({}, { log: { level: 'debug', file: weir.folder.join('log') } });
    await part(path);
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 200']);
  });

  test.each([
    ['keep: 0s', { keep: '0s' }],
    ['too small a total', { total: '5' }],
  ])('is none with %s', async (_name, ranges) => {
    await using({ ranges });
    const path = put({ 'Cache-Control': 'max-age=60' });
    for (let i = 0; i < 2; i++) expect((await part(path)).body.toString()).toBe('234');
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 200']);
  });

  test('makes room for others', async () => {
    await using({ ranges: { total: '15' } });
    const [first, second] = [put({ 'Cache-Control': 'max-age=60' }), put({ 'Cache-Control': 'max-age=60' })];
    for (const path of [first, second, second, first]) await part(path);
    expect([origin.asked(first).length, origin.asked(second).length]).toEqual([2, 1]);
  });

  test('is for its client alone with share: client', async () => {
    await using({ ranges: { share: 'client' } });
    const path = put({ 'Cache-Control': 'max-age=60' });
    for (const more of [[], [], OTHER]) await part(path, ...more);
    expect(origin.asked(path)).toEqual(['GET - 200', 'GET - 200']);
  });
});

describe('adaptation.ranges.mode', () => {
  test('strip gives the client all of it', async () => {
    await using({ ranges: { mode: 'strip' } });
    const path = put();
    const answer = await weir.curl('--header', 'Range: bytes=2-4', `${origin.url}${path}`);
    expect([answer.status, answer.body.toString()]).toEqual([200, '0123456789']);
    expect(await lastRecord(path)).toMatchObject({
      ...{ range: { object: null, use: 'stripped' }, coverage: { state: 'clean' } },
    });
  });

  test('fragment shows services the part', async () => {
    await using({ ranges: { mode: 'fragment' } });
    const path = put(TAG, eicar());
    expect((await part(path)).body.equals(eicar().subarray(2, 5))).toBe(true);
    const record = await lastRecord(path);
    expect(record['coverage']).toEqual({ state: 'not-scanned', reason: 'range' });
    expect(record.adaptation.map(({ method }) => method)).toEqual(['REQMOD', 'RESPMOD']);
  });

  test('block refuses, and says what refused', async () => {
    await using({ ranges: { mode: 'block' } });
    const path = put();
    const answer = await part(path);
    expect([answer.status, answer.body.toString()]).toEqual([
      403,
      expect.stringContaining('adaptation.ranges'),
    ]);
    expect(origin.asked(path)).toEqual([]);
    expect(await lastRecord(path)).toMatchObject({
      ...{ verdict: 'blocked', coverage: { state: 'not-scanned', reason: 'range' } },
    });
  });

  test('no part passes unscanned where notScanned.range is to block', async () => {
    await using({ ranges: { max: '5' }, notScanned: { range: 'block' } });
    const path = put();
    expect((await part(path)).status).toBe(403);
    expect(await lastRecord(path)).toMatchObject({ error: { code: 'ERR_ADAPT_NOT_SCANNED' } });
  });
});

test('a part that nobody asked for is not shown to services', async () => {
  const rules = [{ point: 'respmod', use: ['sandblast'] }];
  await using({ rules });
  await using unasked = await originServer((_, response) => {
    response.writeHead(206, { 'Content-Range': 'bytes 0-3/100' }).end('part');
  });
  const answer = await weir.curl(`${unasked.url}/unasked`);
  expect(answer.status).toBe(206);
  const record = await lastRecord('/unasked');
  expect(record.adaptation).toEqual([]);
  expect(record['coverage']).toEqual({ state: 'not-scanned', reason: 'range' });
});

test('objects that rules leave out are not fetched for a part of them', async () => {
  await using({
    rules: [{ point: 'respmod', use: ['sandblast'], when: { not: { types: ['application/octet-stream'] } } }],
  });
  const path = put();
  for (let i = 0; i < 2; i++) expect((await part(path)).body.toString()).toBe('234');
  expect(origin.asked(path)).toEqual(['GET - 200', 'GET bytes=2-4 206', 'GET bytes=2-4 206']);
  expect((await lastRecord(path))['coverage']).toEqual({ state: 'not-scanned', reason: 'type' });
});

test('what a service fails with is told to all who wait for the object', async () => {
  const service = { url: 'icap://127.0.0.1:1/none', connectTimeout: '1s' };
  await using({ services: { gone: service }, rules: [{ point: 'respmod', use: ['gone'] }] });
  const path = put();
  expect((await part(path)).status).toBe(502);
  expect((await lastRecord(path)).error?.code).toBe('ERR_ADAPT_UNAVAILABLE');
});

test('the fetch ends with the last client that waits for it', async () => {
  await using({});
  let gone = (): void => {};
  const closed = new Promise<void>((resolve) => (gone = resolve));
  let come = (): void => {};
  const asked = new Promise<void>((resolve) => (come = resolve));
  await using silent = await rawOrigin((socket) => {
    socket.once('data', () => come());
    for (const event of ['end', 'close']) socket.on(event, () => gone());
  });
  await using client = await rawClient(weir.proxyPort);
  client.send(`GET ${silent.url}/silent HTTP/1.1\r\nHost: h\r\nRange: bytes=0-2\r\n\r\n`);
  await asked;
  client.socket.destroy();
  await closed;
});

test('`weir why` names the transaction that had the object scanned', async () => {
  const path = put();
  await part(path);
  await part(path);
  const [first, second] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path), 2);
  const story = (record: LogRecord): string =>
    formatStory(
      traceRecord({
        record: record as never,
        notes: null,
        endedAtMs: Date.now(),
        endedAt: performance.now(),
      }),
      { heads: false, colours: false },
    );
  expect(story(first!)).toContain('fetched and scanned here');
  expect(story(second!)).toContain(`of the object that was kept, scanned in ${first!.id}`);
  expect(story(second!)).toContain(
    `decided by   adaptation.ranges: a part of the object that was judged in ${first!.id}`,
  );
});
