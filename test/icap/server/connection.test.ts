// The dialogue on one connection: order, persistence, early answers, breaks on either side. Every test
// talks over a real socket. Status codes are in statuses.test.ts, whole exchanges in golden.test.ts.

import { describe, expect, test } from '@jest/globals';
import { IcapError } from '../../../src/errors.ts';
import { Body } from '../../../src/http/body.ts';
import type { Adapted, IcapTransaction } from '../../../src/icap/service.ts';
import { decodeAnswers } from '../../support/vectors.ts';
import type { Handler, Lab, LabOptions } from './lab.ts';
import { startLab, turnsUntil, UNMODIFIED } from './lab.ts';
import { probe } from './play.ts';

const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n'; // 45 bytes
const OK = 'HTTP/1.1 200 OK\r\n\r\n'; // 19 bytes

const service = (handle: Handler, options: LabOptions = {}): Promise<Lab> =>
  startLab({ '/s': { methods: ['REQMOD', 'RESPMOD'], handle } }, options);
const reqmod = (args = '', fields = 'Allow: 204\r\n'): string =>
  `REQMOD icap://h/s?${args} ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: req-hdr=0, null-body=45\r\n\r\n${GET}`;
const respmod = (body: string, fields = ''): string =>
  `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: res-hdr=0, res-body=19\r\n\r\n${OK}${body}`;
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;
const END = '0\r\n\r\n';

const page = (text = 'blocked'): Adapted => ({
  kind: 'adapted',
  response: { version: '1.1', status: 403, reason: 'Forbidden', headers: [] },
  body: Body.of(Buffer.from(text)),
  serverMade: true,
});

/** A promise with its resolver: lets a test decide when a service goes on. */
function gate<T = void>(): { readonly opened: Promise<T>; open(value: T): void } {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { opened, open };
}

describe('persistence', () => {
  test('C-80 Connection: close is announced back and kept', async () => {
    await using lab = await service(() => UNMODIFIED);
    await using client = await lab.connect();
    await client.deliver(reqmod('', 'Allow: 204\r\nConnection: Close\r\n') + reqmod());
    expect(await client.answer()).toMatchObject({
      status: 204,
      fields: expect.arrayContaining(['connection: close']),
    });
    expect(await client.closed()).toHaveLength(0);
  });

  test('C-81 requests that were sent ahead are answered one by one, in order', async () => {
    let running = 0;
    await using lab = await service(async (transaction) => {
      expect(++running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return { kind: 'unmodified', headers: ['X-Args', transaction.args] };
    });
    await using client = await lab.connect();
    const order = Array.from({ length: 60 }, (_, index) => String(index));
    await client.deliver(order.map((args) => reqmod(args)).join(''));
    for (const args of order) expect((await client.answer()).fields).toContain(`x-args: ${args}`);
    await probe(client, '/s');
  });

  test('C-81 a flood of requests sent ahead does not fill memory and loses nothing', async () => {
    const first = gate();
    let served = 0;
    await using lab = await service(async () => {
      if (served++ === 0) await first.opened;
      return UNMODIFIED;
    });
    await using client = await lab.connect();
    const count = 4000;
    const { socket } = client.raw;
    client.raw.send(reqmod().repeat(count));
    await turnsUntil(() => served === 1, 'the first request');
    first.open();
    await turnsUntil(() => served === count, 'the last request');
    expect(socket.bytesWritten).toBe(count * reqmod().length);
    expect(served).toBe(count);
  });

  test('C-81 what was sent ahead is served although the client has half-closed', async () => {
    await using lab = await service(() => new Promise((resolve) => setImmediate(() => resolve(UNMODIFIED))));
    await using client = await lab.connect();
    client.raw.send(reqmod() + reqmod() + reqmod());
    client.raw.end();
    const answers = decodeAnswers(await client.raw.closed());
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
  });

  test('a half-closed client gets its answer', async () => {
    const slow = gate();
    await using lab = await service(() => slow.opened.then(() => UNMODIFIED));
    await using client = await lab.connect();
    await client.deliver(reqmod());
    client.raw.end();
    slow.open();
    expect(await client.answer()).toMatchObject({ status: 204 });
    expect(await client.closed()).toHaveLength(0);
  });

  test('a client that half-closes in the middle of a request is cut off without an answer', async () => {
    for (const part of [reqmod().slice(0, 30), reqmod().slice(0, -10), respmod(chunk('half'))]) {
      await using lab = await service((transaction) => transaction.body!.hold().then(() => UNMODIFIED));
      await using client = await lab.connect();
      client.raw.send(part);
      client.raw.end();
      expect(await client.closed()).toHaveLength(0);
    }
  });
});

describe('previews', () => {
  const preview = (size: number, body: string, fields = ''): string =>
    respmod(body + END, `Preview: ${size}\r\n${fields}`);

  test('S-03 100 is sent once, when the service wants more than the preview', async () => {
    await using lab = await service(async (transaction) => {
      const { size } = await transaction.body!.hold();
      return { kind: 'unmodified', headers: ['X-Size', String(size)] };
    });
    await using client = await lab.connect();
    await client.deliver(preview(5, chunk('hello'), 'Allow: 204\r\n'));
    expect(await client.answer()).toMatchObject({ status: 100, fields: ['istag: "G1"'] });
    await client.deliver(chunk(' world') + END);
    expect(await client.answer()).toMatchObject({
      status: 204,
      fields: expect.arrayContaining(['x-size: 11']),
    });
    await probe(client, '/s');
  });

  test('S-06 C-51 an unmodified message whose 204 came too late is collected, then echoed', async () => {
    await using lab = await service((transaction) => transaction.body!.hold().then(() => UNMODIFIED), {
      via: 'ICAP/1.0 gw',
    });
    await using client = await lab.connect();
    await client.deliver(preview(2, chunk('he')));
    expect(await client.answer()).toMatchObject({ status: 100 });
    await client.deliver(`${chunk('llo')}0\r\nX-Sum: 1\r\n\r\n`);
    expect(await client.answer()).toMatchObject({
      status: 200,
      sections: 'HTTP/1.1 200 OK\r\nVia: ICAP/1.0 gw\r\n\r\n',
      body: 'hello',
      trailers: 'X-Sum: 1\r\n',
    });
    await probe(client, '/s');
  });

  test('S-01 a service that answers while it reads gets its 100 before the answer begins', async () => {
    await using lab = await service((transaction): Adapted => {
      const body = transaction.body!.restream();
      return { kind: 'adapted', response: transaction.response!, body, serverMade: false };
    });
    await using client = await lab.connect();
    await client.deliver(preview(2, chunk('he')));
    expect(await client.answer()).toMatchObject({ status: 100 });
    await client.deliver(chunk('llo') + END);
    expect(await client.answer()).toMatchObject({ status: 200, body: 'hello' });
    await probe(client, '/s');
  });

  test('S-06 a page in answer to a preview needs no 100, and the rest never comes', async () => {
    await using lab = await service(() => page());
    await using client = await lab.connect();
    await client.deliver(preview(2, chunk('he')));
    expect(await client.answer()).toMatchObject({ status: 200, body: 'blocked' });
    await probe(client, '/s');
  });

  test('C-54 an answer before the preview is complete keeps the connection in step', async () => {
    await using lab = await service(() => UNMODIFIED);
    await using client = await lab.connect();
    const request = preview(100, chunk('hello'));
    await client.deliver(request.slice(0, -8));
    expect(await client.answer()).toMatchObject({ status: 204 });
    await client.deliver(request.slice(-8));
    await probe(client, '/s');
  });

  test('C-49 an answered preview never asks for more, whatever its service does later', async () => {
    const bodies: IcapTransaction[] = [];
    const second = gate();
    await using lab = await service(async (transaction) => {
      bodies.push(transaction);
      if (bodies.length === 2) await second.opened;
      return UNMODIFIED;
    });
    await using client = await lab.connect();
    await client.deliver(preview(0, '', 'Allow: 204\r\n'));
    expect(await client.answer()).toMatchObject({ status: 204 });
    await client.deliver(preview(0, '', 'Allow: 204\r\n'));
    await expect(bodies[0]!.body!.hold()).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    second.open();
    expect(await client.answer()).toMatchObject({ status: 204 }); // and no 100 before it
  });

  test('a client that half-closes behind its preview gets an answer, but cannot be asked for more', async () => {
    await using lab = await service((transaction) =>
      transaction.args === 'hold' ? transaction.body!.hold().then(() => UNMODIFIED) : UNMODIFIED,
    );
    await using brief = await lab.connect();
    brief.raw.send(preview(5, chunk('hello')));
    brief.raw.end();
    expect(await brief.answer()).toMatchObject({ status: 204 });
    expect(await brief.closed()).toHaveLength(0);

    await using wanting = await lab.connect();
    wanting.raw.send(preview(5, chunk('hello')).replace('/s ', '/s?hold '));
    wanting.raw.end();
    const received = await wanting.raw.closed();
    expect(received.toString('latin1')).not.toContain(' 200 ');
    expect(received.toString('latin1')).not.toContain(' 204 ');
  });

  test('bytes behind a preview that turn out to be broken are refused once', async () => {
    await using lab = await service((transaction) => transaction.body!.hold().then(() => UNMODIFIED));
    await using client = await lab.connect();
    await client.deliver(preview(0, '') + 'nonsense\r\n');
    const answers = decodeAnswers(await client.raw.closed());
    expect(answers.map(({ status }) => status)).toEqual([100, 400]);
  });
});

describe('echo without 204', () => {
  test('S-05 RESPMOD returns the response header only, REQMOD the request header', async () => {
    await using lab = await service(() => UNMODIFIED, { via: 'ICAP/1.0 gw' });
    await using client = await lab.connect();
    await client.deliver(
      `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\nEncapsulated: req-hdr=0, res-hdr=45, res-body=64\r\n\r\n${GET}${OK}${chunk('hi')}${END}`,
    );
    expect(await client.answer()).toMatchObject({
      sections: 'HTTP/1.1 200 OK\r\nVia: ICAP/1.0 gw\r\n\r\n',
      body: 'hi',
    });
    await client.deliver(reqmod('', ''));
    expect(await client.answer()).toMatchObject({
      sections: `${GET.slice(0, -2)}Via: ICAP/1.0 gw\r\n\r\n`,
      body: null,
    });
  });

  test('C-26 S-05 a section that came without its blank line goes back with one, apart from Via', async () => {
    await using lab = await service(() => UNMODIFIED, { via: 'ICAP/1.0 gw' });
    await using client = await lab.connect();
    const section = 'HTTP/1.1 200 OK\r\nX: y\r\n';
    await client.deliver(
      `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\nEncapsulated: res-hdr=0, null-body=23\r\n\r\n${section}`,
    );
    expect(await client.answer()).toMatchObject({ sections: `${section}Via: ICAP/1.0 gw\r\n\r\n` });
  });

  test('S-07 a client that sends all before it reads is not left waiting', async () => {
    await using lab = await service(() => UNMODIFIED);
    await using client = await lab.connect();
    client.raw.socket.pause();
    const data = 'x'.repeat(16 * 1024 * 1024);
    let sent = false;
    client.raw.socket.write(Buffer.from(respmod(chunk(data) + END), 'latin1'), () => (sent = true));
    await turnsUntil(() => sent, 'all to be sent');
    client.raw.socket.resume();
    const received = await client.raw.until(
      (all) => all.length > data.length && all.subarray(-7).toString() === '\r\n0\r\n\r\n',
      20_000,
    );
    expect(decodeAnswers(received)).toMatchObject([{ status: 200, body: data }]);
  });
});

describe('early answers', () => {
  test('S-07 S-11 the rest of a request that was answered already is read away', async () => {
    await using lab = await service(() => page());
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('start')));
    expect(await client.answer()).toMatchObject({ status: 200, body: 'blocked' });
    for (let i = 0; i < 8; i++) await client.deliver(chunk('x'.repeat(64 * 1024)));
    await client.deliver(END);
    await probe(client, '/s');
  });

  test('S-11 more than 1 MiB of an unwanted body ends the connection', async () => {
    await using lab = await service(() => page());
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('start')));
    expect(await client.answer()).toMatchObject({ status: 200 });
    client.raw.send(chunk('x'.repeat(1024 * 1024 + 1)) + END + reqmod());
    expect(await client.closed()).toHaveLength(0); // and the next request is not served
    expect(lab.reports).toHaveLength(1);
  });

  test('S-11 an unwanted body that stops ends the connection after 2 s, however slowly it drips', async () => {
    await using lab = await service(() => page());
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('start') + 'ffff\r\n'));
    await client.answer();
    const startedAt = performance.now();
    const drip = setInterval(() => client.raw.send('x'), 100);
    expect(await client.closed()).toHaveLength(0);
    clearInterval(drip);
    expect(performance.now() - startedAt).toBeLessThan(3500);
  });

  test('S-09 an error that ends the connection does not wait for the rest of the body', async () => {
    await using lab = await startLab({ '/s': { methods: ['RESPMOD'], description: { maxConnections: 0 } } });
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('start')));
    expect(await client.answer()).toMatchObject({ status: 503 });
    expect(await client.closed()).toHaveLength(0);
  });

  test('C-39 nobody takes what was drained for the end of the body', async () => {
    let held: Promise<unknown> = Promise.resolve();
    await using lab = await service((transaction) => {
      held = transaction.body!.hold();
      held.catch(() => {});
      return UNMODIFIED;
    });
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('start'), 'Allow: 204\r\n'));
    expect(await client.answer()).toMatchObject({ status: 204 });
    await client.deliver(chunk('rest') + END);
    await expect(held).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await probe(client, '/s');
  });
});

describe('breaks', () => {
  test('a client that disappears in the middle of a body aborts the transaction', async () => {
    const aborted = gate<unknown>();
    let held: Promise<unknown> = Promise.resolve();
    await using lab = await service((transaction) => {
      transaction.signal.addEventListener('abort', () => aborted.open(transaction.signal.reason));
      held = transaction.body!.hold();
      return held.then(() => UNMODIFIED);
    });
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('half')));
    client.raw.socket.resetAndDestroy();
    expect(await aborted.opened).toMatchObject({ code: 'ERR_ABORTED' });
    await expect(held).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await turnsUntil(() => lab.server.connections === 0 && lab.server.busy === 0, 'the end');
    expect(lab.reports).toMatchObject([{ icapStatus: 0, error: { code: 'ERR_ABORTED' } }]);
  });

  test('a client that disappears while the service works is reported once, and its answer is dropped', async () => {
    const slow = gate();
    const body = new Body();
    await using lab = await service(async (transaction) => {
      await slow.opened;
      return { ...page(), body, serverMade: transaction.signal.aborted };
    });
    await using client = await lab.connect();
    await client.deliver(reqmod());
    client.raw.socket.resetAndDestroy();
    await turnsUntil(() => lab.server.connections === 0, 'the end of the connection');
    slow.open();
    await turnsUntil(() => body.settled, 'the answer to be dropped');
    expect(lab.reports).toHaveLength(1);
    expect(lab.server.busy).toBe(0);
  });

  test('a service that asks for the body after its client is gone is told so, and counts no longer', async () => {
    const gone = gate();
    const asked = gate<unknown>();
    await using lab = await service(async (transaction) => {
      await gone.opened;
      const held = transaction.body!.hold();
      held.catch((error: unknown) => asked.open(error));
      await held;
      return UNMODIFIED;
    });
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('half')));
    client.raw.socket.resetAndDestroy();
    await turnsUntil(() => lab.server.connections === 0, 'the end of the connection');
    expect(lab.server.busy).toBe(1);
    gone.open();
    expect(await asked.opened).toMatchObject({ code: 'ERR_ABORTED' });
    await turnsUntil(() => lab.server.busy === 0, 'the service to be free');
  });

  test('S-08 C-39 an answer whose body fails is cut off without a last chunk', async () => {
    const body = new Body();
    await using lab = await service(() => ({ ...page(), body }));
    await using client = await lab.connect();
    await client.deliver(reqmod());
    body.push(Buffer.from('first half'));
    await client.raw.until('first half');
    body.fail(new IcapError('ERR_SPOOL', 'the disk is gone'));
    const received = (await client.raw.closed()).toString('latin1');
    expect(received.endsWith('\r\n\r\na\r\nfirst half\r\n')).toBe(true);
    expect(lab.reports).toMatchObject([{ icapStatus: 200, error: { code: 'ERR_SPOOL' } }]);
  });

  test('S-500 an answer whose body has failed before it began becomes an error answer', async () => {
    const body = new Body();
    body.fail(new IcapError('ERR_SPOOL', 'the disk is gone'));
    await using lab = await service(() => ({ ...page(), body }));
    await using client = await lab.connect();
    await client.deliver(reqmod());
    expect(await client.answer()).toMatchObject({ status: 500 });
    await probe(client, '/s');
  });

  test('S-08 a request that breaks while its answer is on the way ends both', async () => {
    const body = new Body();
    await using lab = await service(() => ({ ...page(), body }));
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('start')));
    body.push(Buffer.from('answer'));
    await client.raw.until('answer');
    await client.deliver('no chunk line\r\n');
    const received = (await client.raw.closed()).toString('latin1');
    expect(received).not.toContain(' 400 ');
    expect(received.endsWith('answer\r\n')).toBe(true);
    expect(body.settled).toBe(true);
    expect(lab.reports).toHaveLength(1);
  });

  test('S-10 a broken chunk in the middle of a body is answered 400 once, and the service hears of it', async () => {
    let held: Promise<unknown> = Promise.resolve();
    await using lab = await service((transaction) => {
      held = transaction.body!.hold();
      return held.then(() => UNMODIFIED);
    });
    await using client = await lab.connect();
    await client.deliver(respmod(chunk('fine')));
    await client.deliver('zz\r\n');
    expect(await client.answer()).toMatchObject({
      status: 400,
      fields: expect.arrayContaining(['connection: close']),
    });
    expect(await client.closed()).toHaveLength(0);
    await expect(held).rejects.toMatchObject({ code: 'ERR_ICAP_CHUNK' });
    expect(lab.refused).toMatchObject([{ code: 'ERR_ICAP_CHUNK' }]);
    expect(lab.reports).toMatchObject([{ icapStatus: 400 }]);
  });

  test('C-28 a request line in res-hdr is no reason not to scan the body', async () => {
    const seen = gate<unknown>();
    await using lab = await service(async (transaction) => {
      const { memory } = await transaction.body!.hold();
      seen.open([transaction.response, memory?.toString()]);
      return UNMODIFIED;
    });
    await using client = await lab.connect();
    await client.deliver(
      `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: res-hdr=0, res-body=45\r\n\r\n${GET}${chunk('data')}${END}`,
    );
    expect(await seen.opened).toEqual([null, 'data']);
    expect(await client.answer()).toMatchObject({ status: 204 });
  });

  test('C-27 a request header that is none is answered 400 when the service looks at it', async () => {
    await using lab = await service((transaction) => {
      void transaction.request;
      return UNMODIFIED;
    });
    await using client = await lab.connect();
    await client.deliver(reqmod().replace('GET http', 'GET  ttp'));
    expect(await client.answer()).toMatchObject({ status: 400 });
    expect(await client.closed()).toHaveLength(0);
  });
});

describe('timeouts', () => {
  test('S-12 an idle connection is closed without a word, before and after an exchange', async () => {
    await using lab = await service(() => UNMODIFIED, { limits: { idleTimeoutMs: 50 } });
    await using fresh = await lab.connect();
    await using used = await lab.connect();
    await used.deliver(`${reqmod()}\r\n`);
    expect(await used.answer()).toMatchObject({ status: 204 });
    expect(await fresh.closed()).toHaveLength(0);
    expect(await used.closed()).toHaveLength(0);
  });

  test.each([
    ['header', reqmod().slice(0, 40)],
    ['header section', reqmod().slice(0, -5)],
    ['chunk', respmod('ff\r\nhalf')],
    ['body between two chunks', respmod(chunk('half'))],
    ['trailer', respmod('0\r\nX: y\r\n')],
  ])('S-408 a request that stops in its %s is answered 408 and closed', async (_, part) => {
    let held: Promise<unknown> = Promise.resolve();
    await using lab = await service(
      (transaction) => {
        held = transaction.body!.hold();
        return held.then(() => UNMODIFIED);
      },
      { limits: { requestTimeoutMs: 50 } },
    );
    await using client = await lab.connect();
    await client.deliver(part);
    expect(await client.answer()).toMatchObject({
      status: 408,
      fields: expect.arrayContaining(['connection: close']),
    });
    expect(await client.closed()).toHaveLength(0);
    if (lab.reports.length > 0) await expect(held).rejects.toMatchObject({ code: 'ERR_ICAP_TIMEOUT' });
  });

  test('S-12 a slow client is waited for as long as bytes come', async () => {
    await using lab = await service(() => UNMODIFIED, {
      limits: { requestTimeoutMs: 600, idleTimeoutMs: 600 },
    });
    await using client = await lab.connect();
    const request = Buffer.from(reqmod());
    const step = Math.ceil(request.length / 10);
    for (let at = 0; at < request.length; at += step) {
      await client.deliver(request.subarray(at, at + step));
      await new Promise((resolve) => setTimeout(resolve, 100)); // the pace of the client: 1 s in all
    }
    expect(await client.answer()).toMatchObject({ status: 204 });
  });

  test('the time that a service takes is no reason for 408', async () => {
    const slow = gate();
    await using lab = await service(() => slow.opened.then(() => UNMODIFIED), {
      limits: { requestTimeoutMs: 1, idleTimeoutMs: 1 },
    });
    await using client = await lab.connect();
    await client.deliver(reqmod());
    setTimeout(() => slow.open(), 600); // more than two sweeps of the deadlines
    expect(await client.answer()).toMatchObject({ status: 204 });
  });

  test('a client that takes nothing of its answer is cut off', async () => {
    const body = new Body({ resume: () => {}, cancel: () => {} });
    await using lab = await service(() => ({ ...page(), body }), { limits: { requestTimeoutMs: 100 } });
    await using client = await lab.connect();
    await client.deliver(reqmod());
    client.raw.socket.pause();
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let i = 0; i < 32; i++) body.push(piece);
    await turnsUntil(() => lab.server.connections === 0, 'the cut');
    expect(lab.reports).toMatchObject([{ icapStatus: 200, error: { code: 'ERR_ICAP_TIMEOUT' } }]);
    expect(body.settled).toBe(true);
  });
});
