// One behaviour for every way of putting ICAP in front of an application: middleware and attached proxies,
// each with our gateway as a real ICAP server over TCP.

import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar, zipOf } from '../support/eicar.ts';
import { rawClient } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import type { TestWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';
import type { ProxyRecord } from '../../src/telemetry/records.ts';
import { application, downloadOf } from './application.ts';
import { bytesOfSize, request, sha256 } from './client.ts';
import type { StartFront } from './fronts.ts';
import { FRONTS } from './fronts.ts';

const SIZES = [0, 1024, 5 * 1024 * 1024];

let weir: TestWeir;
let scan: string;
let echo: string;

beforeAll(async () => {
  weir = await startTestWeir();
  scan = `icap://127.0.0.1:${weir.gatewayPort}/sandblast`;
  echo = `icap://127.0.0.1:${weir.gatewayPort}/echo`;
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

describe.each(FRONTS)('%s', (_name, start: StartFront) => {
  test.each(SIZES)(
    'delivers an upload of %d bytes as it was sent, with a length and in chunks',
    async (size) => {
      const app = application();
      await using front = await start(app, { reqmod: scan, respmod: scan });
      const body = bytesOfSize(size);
      const expected = JSON.stringify({ bytes: size, sha256: sha256(body) });
      expect((await request(`${front.url}/upload`, { body })).text).toBe(expected);
      const chunks = [body.subarray(0, size / 2), body.subarray(size / 2)];
      expect((await request(`${front.url}/upload`, { body: chunks })).text).toBe(expected);
    },
  );

  test.each(SIZES)('delivers a download of %d bytes as the application sends it', async (size) => {
    const app = application();
    await using front = await start(app, { reqmod: scan, respmod: scan });
    const answer = await request(`${front.url}/bytes/${size}`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-length']).toBe(String(size));
    expect(answer.body.equals(downloadOf(size))).toBe(true);
  });

  test('streams through a service that answers with the message itself', async () => {
    const app = application();
    const size = 3 * 1024 * 1024;
    await using front = await start(app, { reqmod: echo, respmod: echo, previewBytes: 0 });
    const body = bytesOfSize(size);
    const answer = await request(`${front.url}/upload`, { body });
    expect(JSON.parse(answer.text)).toEqual({ bytes: size, sha256: sha256(body) });
    expect((await request(`${front.url}/bytes/${size}`)).body.equals(downloadOf(size))).toBe(true);
  });

  test('answers a blocked upload with the block page, and the application never sees it', async () => {
    const app = application();
    await using front = await start(app, { reqmod: scan });
    for (const body of [eicar(), [eicar().subarray(0, 9), eicar().subarray(9)]]) {
      const answer = await request(`${front.url}/upload`, { body });
      expect(answer.status).toBe(403);
      expect(answer.text).toContain('EICAR');
    }
    expect(app.seen).toEqual([]);
  });

  test('goes on with the same connection after a blocked upload', async () => {
    const app = application();
    await using front = await start(app, { reqmod: scan });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const members = [
      { name: 'noise', data: bytesOfSize(300_000) },
      { name: 'eicar.com', data: eicar() },
    ];
    const body = zipOf(members);
    expect((await request(`${front.url}/upload`, { body, agent })).status).toBe(403);
    expect((await request(`${front.url}/upload`, { body: Buffer.from('fine'), agent })).status).toBe(200);
    agent.destroy();
  });

  test('answers a blocked download with the block page', async () => {
    const app = application();
    await using front = await start(app, { respmod: scan });
    for (const path of ['/eicar', '/eicar-in-chunks']) {
      const answer = await request(`${front.url}${path}`);
      expect(answer.status).toBe(403);
      expect(answer.headers['content-type']).toMatch(/^text\/html/);
      expect(answer.headers['content-length']).toBe(String(answer.body.length));
      expect(answer.text).toContain('EICAR');
    }
  });

  test('leaves HEAD, 204 and 304 untouched and keeps status, reason and fields', async () => {
    const records: ProxyRecord[] = [];
    await using front = await start(application(), {
      respmod: scan,
      onRecord: (record) => records.push(record),
    });
    const head = await request(`${front.url}/bytes/77`, { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '77', 0]);
    expect((await request(`${front.url}/nothing`)).status).toBe(204);
    const unchanged = await request(`${front.url}/unchanged`);
    expect([unchanged.status, unchanged.headers.etag]).toEqual([304, '"1"']);
    expect(records.map((record) => record.adaptation)).toEqual([[], [], []]);
    const made = await request(`${front.url}/fields`);
    expect([made.status, made.text, made.headers['x-from-head']]).toEqual([201, 'made', 'yes']);
    expect(made.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect((await request(`${front.url}/empty`)).headers['content-length']).toBe('0');
  });

  test('answers with the error page, and asks nobody, when the gateway is down and errors block', async () => {
    const app = application();
    const nobody = `icap://127.0.0.1:${await freePort()}/sandblast`;
    await using front = await start(app, { reqmod: nobody, respmod: nobody });
    const upload = await request(`${front.url}/upload`, { body: bytesOfSize(200_000) });
    expect(upload.status).toBe(502);
    expect(upload.text).toContain('ERR_ADAPT_UNAVAILABLE');
    expect(app.seen).toEqual([]);
    await using answers = await start(app, { respmod: nobody });
    const download = await request(`${answers.url}/bytes/200000`, {
      headers: { accept: 'application/json' },
    });
    expect(download.status).toBe(502);
    expect(download.headers['content-type']).toMatch(/json/);
  });

  test('lets messages pass when the gateway is down and errors bypass', async () => {
    const records: ProxyRecord[] = [];
    const nobody = `icap://127.0.0.1:${await freePort()}/sandblast`;
    const options = { reqmod: nobody, respmod: nobody, onError: 'bypass' as const };
    await using front = await start(application(), {
      ...options,
      onRecord: (record) => records.push(record),
    });
    const body = bytesOfSize(400_000);
    const answer = await request(`${front.url}/upload`, { body });
    expect(JSON.parse(answer.text)).toEqual({ bytes: body.length, sha256: sha256(body) });
    expect(records).toMatchObject([{ verdict: 'bypassed', status: 200 }]);
  });

  test('asks the next service of a list when the first is down', async () => {
    const nobody = `icap://127.0.0.1:${await freePort()}/sandblast`;
    await using front = await start(application(), { reqmod: [nobody, scan] });
    expect((await request(`${front.url}/upload`, { body: eicar() })).status).toBe(403);
  });

  test('a client that leaves during its upload ends the exchange, and the next one is served', async () => {
    const app = application();
    let recorded = (_record: ProxyRecord): void => {};
    const record = new Promise<ProxyRecord>((resolve) => (recorded = resolve));
    await using front = await start(app, { reqmod: scan, onRecord: (found) => recorded(found) });
    {
      await using client = await rawClient(front.port);
      client.send('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n', Buffer.alloc(5000));
      const { promise, resolve } = withResolvers();
      setImmediate(resolve);
      await promise;
    }
    expect(await record).toMatchObject({ status: 0, verdict: 'error', error: { code: 'ERR_ABORTED' } });
    expect(app.seen).toEqual([]);
    expect((await request(`${front.url}/upload`, { body: Buffer.from('next') })).status).toBe(200);
  });

  test('a client that leaves during its download stops the application', async () => {
    let recorded = (_record: ProxyRecord): void => {};
    const record = new Promise<ProxyRecord>((resolve) => (recorded = resolve));
    await using front = await start(application(), { respmod: echo, onRecord: (found) => recorded(found) });
    {
      await using client = await rawClient(front.port);
      client.send('GET /bytes/50000000 HTTP/1.1\r\nHost: x\r\n\r\n');
      await client.until('\r\n\r\n');
    }
    const { bytesOut, error } = await record;
    expect(error?.code).toBe('ERR_ABORTED');
    expect(bytesOut).toBeLessThan(50_000_000);
  });

  test('never ends a broken response as if it were whole', async () => {
    await using front = await start(application(), { respmod: scan });
    const outcome = await request(`${front.url}/broken`).then(
      ({ status, text }) => ({ status, text }),
      (error: NodeJS.ErrnoException) => error.code,
    );
    // An attached proxy knows that its origin broke off; a handler that destroys its response has said all.
    if (typeof outcome === 'object') expect(outcome).toMatchObject({ status: 502 });
    else expect(outcome).toBe('ECONNRESET');
  });

  test('a part of a file that is asked for is judged with all of it', async () => {
    const records: ProxyRecord[] = [];
    const app = application();
    await using front = await start(app, { respmod: scan, onRecord: (record) => records.push(record) });
    const part = (path: string, range: string, more = {}) =>
      request(`${front.url}${path}`, { headers: { range, ...more } });
    const blocked = await part('/eicar-in-parts', 'bytes=0-9');
    expect([blocked.status, blocked.headers['content-range']]).toEqual([403, undefined]);
    const middle = await part('/letters', 'bytes=5-9', { 'if-range': '"v1"' });
    expect([middle.status, middle.text]).toEqual([206, 'fghij']);
    expect(middle.headers).toMatchObject({ 'content-range': 'bytes 5-9/26', 'content-length': '5' });
    expect((await part('/letters', 'bytes=-3')).text).toBe('xyz');
    expect((await part('/letters', 'bytes=20-')).text).toBe('uvwxyz');
    const changed = await part('/letters', 'bytes=5-9', { 'if-range': '"v0"' });
    expect([changed.status, changed.text.length]).toEqual([200, 26]);
    const beyond = await part('/letters', 'bytes=26-30');
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */26']);
    expect((await part('/letters', 'bytes=nonsense')).status).toBe(200);
    const large = await part('/bytes/5000000', 'bytes=4000000-4000009');
    expect(large.body.equals(downloadOf(5_000_000).subarray(4_000_000, 4_000_010))).toBe(true);
    expect(app.seen.map(({ headers }) => headers.range)).toEqual(app.seen.map(() => undefined));
    expect(records[1]).toMatchObject({ range: { object: records[1]!.id, use: 'fetched' }, status: 206 });
    expect(records[6]).toMatchObject({ range: { object: null, use: 'stripped' }, status: 200 });
  });

  test('a part is left to the handler, or refused, where the options say so', async () => {
    const letters = async (ranges: 'strip' | 'fragment' | 'block') => {
      await using front = await start(application(), { respmod: scan, ranges });
      const { status, text } = await request(`${front.url}/letters`, { headers: { range: 'bytes=5-9' } });
      return ranges === 'block' ? status : [status, text];
    };
    const records: ProxyRecord[] = [];
    await using front = await start(application(), {
      respmod: scan,
      onRecord: (record) => records.push(record),
    });
    expect((await request(`${front.url}/unasked-part`)).text).toBe('abc');
    expect(records[0]).toMatchObject({ status: 206, coverage: { state: 'not-scanned', reason: 'range' } });
    expect(await letters('fragment')).toEqual([206, 'fghij']);
    expect(await letters('strip')).toEqual([200, 'abcdefghijklmnopqrstuvwxyz']);
    expect(await letters('block')).toBe(403);
  });

  test('events that have no end arrive as they happen, and end where a threat comes', async () => {
    const records: ProxyRecord[] = [];
    const { promise: left, resolve } = withResolvers();
    await using front = await start(application(), {
      respmod: scan,
      onRecord: (record) => {
        records.push(record);
        resolve();
      },
    });
    {
      await using client = await rawClient(front.port);
      client.send('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
      expect(String(await client.until('data: 1'))).toContain('text/event-stream');
    }
    await left;
    expect(records).toMatchObject([{ verdict: 'allowed', status: 200, stream: { windows: 1 } }]);
    expect(records[0]!.error).toBeUndefined(); // whoever leaves has had what it wanted
    await expect(request(`${front.url}/events-with-threat`)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(records.at(-1)).toMatchObject({ verdict: 'blocked', stream: { shape: 'type', policy: 'window' } });
  });

  test('tells what became of each exchange', async () => {
    const records: ProxyRecord[] = [];
    await using front = await start(application(), {
      reqmod: scan,
      respmod: scan,
      onRecord: (record) => records.push(record),
      user: () => 'ann',
    });
    await request(`${front.url}/upload?x=1`, { body: Buffer.from('twelve bytes') });
    await request(`${front.url}/eicar`);
    const services = [{ method: 'REQMOD' }, { method: 'RESPMOD' }];
    expect(records).toMatchObject([
      {
        method: 'POST',
        url: `${front.url}/upload?x=1`,
        status: 200,
        bytesIn: 12,
        verdict: 'allowed',
        user: 'ann',
      },
      { method: 'GET', status: 403, verdict: 'blocked', client: '127.0.0.1', threat: { blade: 'antivirus' } },
    ]);
    expect(records[1]!.adaptation).toMatchObject(services);
    expect(records[1]!.threat!.name).toMatch(/eicar/i);
    expect(records[1]!.bytesOut).toBeGreaterThan(500);
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
