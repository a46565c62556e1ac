import { expect, test } from '@jest/globals';
import { askOptions } from '../../../src/icap/load/generator.ts';
import { loadMessage, sampleBody } from '../../../src/icap/load/message.ts';
import type { FailureKind } from '../../../src/icap/load/judge.ts';
import { freePort } from '../../support/supervised.ts';
import {
  CONTINUE,
  NO_CONTENT,
  PAGE,
  type IcapConversation,
  optionsAnswer,
  scriptedIcap,
} from '../client/scripted-icap.ts';
import { load, options } from './load-lab.ts';

const body = sampleBody(2000);
const WITH_PREVIEW = { body, preview: 100 };

/** An echo: 200 with a body of that length, in chunks of at most 1000 bytes. */
function echoed(bytes: number, contentLength = bytes): string {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${contentLength}\r\n\r\n`;
  let chunks = '';
  for (let left = bytes; left > 0; left -= 1000) {
    const size = Math.min(left, 1000);
    chunks += `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
  }
  return `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}${chunks}0\r\n\r\n`;
}

test('every exchange is counted once, over all connections', async () => {
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
  const report = await load(server.port, { requests: 100, connections: 4 });
  expect(report).toMatchObject({
    ending: 'requests',
    exchanges: 100,
    failed: 0,
    errors: [],
    statuses: { 204: 100 },
    reopened: 0,
    unsent: null,
    bytesReceived: 100 * NO_CONTENT.length,
    bytesSent: 100 * loadMessage(options({})).first.length,
  });
  expect(server.connections()).toBe(4);
  expect(report.latencyMs!.p50).toBeGreaterThan(0);
  expect(report.latencyMs!.max).toBeGreaterThanOrEqual(report.latencyMs!.p999 * 0.999);
});

test('C-48 after 100 Continue exactly the rest of the body follows, once', async () => {
  const rests: string[] = [];
  await using server = await scriptedIcap(async (peer, _request, index) => {
    if (index % 2 === 0) return peer.send(NO_CONTENT);
    peer.send(CONTINUE);
    rests.push(await peer.readRest());
    peer.send(echoed(2000));
  });
  const report = await load(server.port, {
    requests: 10,
    message: WITH_PREVIEW,
    expected: { sameBody: true },
  });
  expect(report).toMatchObject({ exchanges: 10, failed: 0, continues: 5, statuses: { 200: 5, 204: 5 } });
  expect(new Set(rests)).toEqual(new Set([`76c\r\n${body.toString('latin1', 100)}\r\n0\r\n\r\n`]));
});

test('100 Continue and the final answer may come in one piece', async () => {
  await using server = await scriptedIcap(async (peer) => {
    peer.send(CONTINUE + echoed(2000));
    await peer.readRest();
  });
  const report = await load(server.port, { requests: 5, message: WITH_PREVIEW });
  expect(report).toMatchObject({ exchanges: 5, failed: 0, continues: 5 });
});

type Script = (peer: IcapConversation, request: string) => void | Promise<void>;
const sends =
  (text: string): Script =>
  (peer) =>
    peer.send(text);

/** Reads a body without preview to its end, then answers. */
const readsAndSends =
  (text: string): Script =>
  async (peer) => {
    await peer.readRest();
    peer.send(text);
  };

const NO_204 = { ...WITH_PREVIEW, allow204: false };
const WHOLE = { body };

test.each<[string, Parameters<typeof options>[0], Script, FailureKind, RegExp]>([
  ['an error status', {}, sends('ICAP/1.0 503 Overloaded\r\n\r\n'), 'status', /^503 Overloaded$/],
  [
    'C-50 a 204 that was not allowed',
    { ...WHOLE, allow204: false },
    readsAndSends(NO_CONTENT),
    'protocol',
    /C-50/,
  ],
  [
    'C-51 a 204 after 100 that was not allowed',
    NO_204,
    async (peer) => {
      peer.send(CONTINUE);
      await peer.readRest();
      peer.send(NO_CONTENT);
    },
    'protocol',
    /C-50/,
  ],
  [
    'C-61 a 206 that was not allowed',
    WHOLE,
    readsAndSends(echoed(2000).replace('200 OK', '206 P')),
    'protocol',
    /C-61/,
  ],
  [
    'a body shorter than its Content-Length',
    WHOLE,
    readsAndSends(echoed(1999, 2000)),
    'length',
    /2000.*1999/,
  ],
  ['K-34 a 100 that nobody waits for', WHOLE, sends(CONTINUE), 'protocol', /K-34/],
  ['K-34 a second 100', WITH_PREVIEW, sends(CONTINUE + CONTINUE), 'protocol', /K-34/],
  ['C-85 bytes behind the response', {}, sends(`${NO_CONTENT}x`), 'protocol', /C-85/],
  ['an answer in another protocol', {}, sends('HTTP/1.1 400 Bad Request\r\n\r\n'), 'protocol', /HTTP/],
  ['the end of a fresh connection', {}, (peer) => void peer.socket.end(), 'closed', /closed/],
  [
    'an answer cut short',
    WHOLE,
    (peer) => void peer.socket.end(echoed(2000).slice(0, -7)),
    'closed',
    /closed/,
  ],
])('%s is a failure with its kind and its reason', async (_, message, script, kind, text) => {
  await using server = await scriptedIcap(script);
  const report = await load(server.port, { requests: 2, message });
  expect(report).toMatchObject({ exchanges: 0, failed: 2, errors: [{ kind, count: 2 }], latencyMs: null });
  expect(report.errors[0]!.first).toMatch(text);
});

test('C-50 a 204 to a preview needs no Allow', async () => {
  await using server = await scriptedIcap(sends(NO_CONTENT));
  expect(await load(server.port, { message: NO_204 })).toMatchObject({ exchanges: 1, failed: 0 });
});

test('C-64 the body of a 206 is what it brings and what it appends', async () => {
  const answer = (offset: number) =>
    `ICAP/1.0 206 Partial\r\nEncapsulated: res-hdr=0, res-body=41\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2003\r\n\r\n3\r\nabc\r\n0; use-original-body=${offset}\r\n\r\n`;
  let offset = 0;
  await using server = await scriptedIcap((peer, request) => readsAndSends(answer(offset))(peer, request));
  const run = { message: { ...WHOLE, allow206: true } };
  expect(await load(server.port, run)).toMatchObject({ exchanges: 1, changed: 1, statuses: { 206: 1 } });
  offset = 2001;
  const past = await load(server.port, run);
  expect(past.errors).toMatchObject([{ kind: 'length', first: expect.stringContaining('C-65') }]);
  offset = 1;
  const short = await load(server.port, run);
  expect(short.errors).toMatchObject([{ kind: 'length', first: expect.stringContaining('2002') }]);
});

test('a page in place of the message is right, counted as changed, and wrong when the same body is wanted', async () => {
  await using server = await scriptedIcap(readsAndSends(PAGE));
  const run = { requests: 3, message: WHOLE };
  expect(await load(server.port, run)).toMatchObject({ exchanges: 3, changed: 3, failed: 0 });
  const strict = await load(server.port, { ...run, expected: { sameBody: true } });
  expect(strict.errors).toMatchObject([
    { kind: 'length', count: 3, first: '2000 bytes were sent, and 7 came back' },
  ]);
});

test('expected statuses replace the usual ones', async () => {
  await using server = await scriptedIcap(sends('ICAP/1.0 404 Not Found\r\n\r\n'));
  const expected = await load(server.port, { requests: 3, expected: { statuses: [404] } });
  expect(expected).toMatchObject({ exchanges: 3, failed: 0, statuses: { 404: 3 } });
});

test('a server that closes after each answer is followed to a new connection, without a failure', async () => {
  await using server = await scriptedIcap((peer) => {
    peer.send(NO_CONTENT.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    peer.socket.end();
  });
  const report = await load(server.port, { requests: 20, connections: 2 });
  expect(report).toMatchObject({ exchanges: 20, failed: 0, reopened: 18 });
});

test('K-20 a kept connection that dies before the answer is repeated once on a new one', async () => {
  await using server = await scriptedIcap((peer, _request, index) => {
    if (index % 3 === 1) peer.socket.destroy();
    else peer.send(NO_CONTENT);
  });
  // Requests 0, 1 (dies, repeated as 2), 3, 4 (dies, repeated as 5), …
  const report = await load(server.port, { requests: 10 });
  expect(report).toMatchObject({ exchanges: 10, failed: 0 });
  expect(report.reopened).toBe(server.connections() - 1);
});

test('an answer that does not come in time is a failure, and its wait is in the latencies', async () => {
  await using server = await scriptedIcap((peer, _request, index) => {
    if (index > 0) peer.send(NO_CONTENT);
  });
  const report = await load(server.port, { requests: 2, timeoutMs: 150 });
  expect(report).toMatchObject({ exchanges: 1, failed: 1, errors: [{ kind: 'timeout', count: 1 }] });
  expect(report.latencyMs!.max).toBeGreaterThanOrEqual(150);
});

test('a connection that sends something unasked is not used again', async () => {
  await using server = await scriptedIcap((peer) => {
    peer.send(NO_CONTENT);
    setTimeout(() => peer.send('ICAP/1.0 408 Request Timeout\r\n\r\n'), 10);
  });
  const report = await load(server.port, { requests: 6, rate: 20 });
  expect(report).toMatchObject({ exchanges: 6, failed: 0 });
  expect(server.connections()).toBeGreaterThan(1);
});

test('without a listener open() says so and leaves nothing open', async () => {
  await expect(load(await freePort(), { connections: 3 })).rejects.toMatchObject({
    code: 'ERR_ADAPT_UNAVAILABLE',
    message: expect.stringMatching(/^cannot connect to 127\.0\.0\.1:\d+: connect ECONNREFUSED/),
  });
});

test('an aborted signal ends the phase at once, and what was under way is neither right nor wrong', async () => {
  const stop = new AbortController();
  await using server = await scriptedIcap((peer, _request, index) => {
    if (index < 10) peer.send(NO_CONTENT);
    else stop.abort();
  });
  const report = await load(server.port, { requests: 1000, signal: stop.signal });
  expect(report).toMatchObject({ ending: 'stopped', exchanges: 10, failed: 0 });
});

test('the duration ends the phase, and what had begun is waited for', async () => {
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
  const report = await load(server.port, { requests: null, durationMs: 100, connections: 2 });
  expect(report.ending).toBe('duration');
  expect(report.exchanges).toBe(report.statuses[204]);
  expect(report.exchanges).toBeGreaterThan(2);
});

test('OPTIONS are asked on a connection of their own', async () => {
  await using server = await scriptedIcap(() => {}, { options: () => optionsAnswer(['Preview: 7']) });
  const message = loadMessage(options({ method: 'OPTIONS' }));
  const endpoint = { host: '127.0.0.1', port: server.port, tls: null };
  const head = await askOptions({ endpoint, message, connectTimeoutMs: 1000, timeoutMs: 5000 });
  expect(head).toMatchObject({ status: 200, preview: 7, allow204: true });
});

test.each([
  ['ERR_ADAPT_STATUS', () => 'ICAP/1.0 404 Service Not Found\r\n\r\n'],
  ['ERR_ADAPT_PROTOCOL', () => 'HTTP/1.1 400 Bad\r\n\r\n'],
  ['ERR_ADAPT_TIMEOUT', () => ''],
  ['ERR_ADAPT_UNAVAILABLE', () => Promise.reject(new Error('the script closes the connection'))],
])('an unusable answer to OPTIONS is %s', async (code, answer) => {
  await using server = await scriptedIcap(() => {}, { options: answer });
  const message = loadMessage(options({ method: 'OPTIONS' }));
  const endpoint = { host: '127.0.0.1', port: server.port, tls: null };
  const asked = askOptions({ endpoint, message, connectTimeoutMs: 1000, timeoutMs: 200 });
  await expect(asked).rejects.toMatchObject({ code });
});
