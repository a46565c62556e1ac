// A client that leaves takes everything with it that works for it: the origin's connection, the ICAP
// exchange, the scan and what was spooled, within 100 ms at whatever stage it leaves.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { originServer, rawOrigin } from '../support/originServer.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { get, requestThrough } from './exchange.ts';
import { patternAt, sendPattern } from './pattern.ts';
import { scriptedIcap } from './scripted-icap.ts';
import {
  eventually,
  START_LIMIT_MS,
  spooledBytes,
  spoolFiles,
  startWeirChild,
  threads,
  type Route,
  type WeirChild,
} from './weir-child.ts';

const MEBIBYTE = 1024 * 1024;
const AT_ONCE_MS = 100;
const WAITING_BLADE = fileURLToPath(new URL('./waiting-blade.mjs', import.meta.url));

/** An HTTPS origin that hands over each connection with the moment of its end, and says `answer` to a request. */
async function watchedOrigin(answer: (socket: Socket) => void) {
  const connections: { readonly socket: Socket; readonly closedAt: Promise<number> }[] = [];
  const origin = await rawOrigin(
    (socket) => {
      const closedAt = new Promise<number>((resolve) => {
        socket.once('close', () => resolve(performance.now()));
      });
      connections.push({ socket, closedAt });
      socket.once('data', () => answer(socket));
    },
    { tls: true },
  );
  return Object.assign(origin, { closed: connections });
}

/** Starts a body that does not end. */
function endlessAnswer(socket: Socket): void {
  socket.write(
    'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), patternAt(0, 65_536), Buffer.from('\r\n')]);
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

let standard: WeirChild;

// Beside other suites a hundred milliseconds can pass for want of a processor; a fault takes longer each time.
jest.retryTimes(2, { logErrorsBeforeRetry: true });

beforeAll(async () => {
  standard = await startWeirChild();
}, START_LIMIT_MS);

afterAll(async () => {
  await standard[Symbol.asyncDispose]();
});

function expectAtOnce(what: string, leftAt: number, closedAt: number): void {
  const ms = closedAt - leftAt;
  if (process.env['WEIR_TEST_FIGURES'] !== undefined) process.stderr.write(`${what}: ${ms.toFixed(1)} ms\n`);
  expect(ms).toBeLessThan(AT_ONCE_MS);
}

test('a client that leaves while REQMOD waits for its verdict ends the ICAP exchange, and the origin is never asked', async () => {
  await using icap = await scriptedIcap();
  await using origin = await rawOrigin(() => {}, { tls: true });
  await using weir = await startWeirChild({ foreign: icap.url });
  const { socket } = await requestThrough(weir, 'foreign', origin.port, '/');
  const dialogue = await icap.next();
  const leftAt = performance.now();
  socket.destroy();
  expectAtOnce('REQMOD wait, ICAP', leftAt, await dialogue.closedAt);
  expect(origin.connections()).toBe(0);
});

test('a client that leaves in an upload while REQMOD waits ends the ICAP exchange', async () => {
  await using icap = await scriptedIcap();
  await using origin = await rawOrigin(() => {}, { tls: true });
  await using weir = await startWeirChild({ foreign: icap.url });
  const { request, socket } = await requestThrough(weir, 'foreign', origin.port, '/', {
    method: 'POST',
    headers: { 'content-length': MEBIBYTE },
    body: true,
  });
  request.write(patternAt(0, 16 * 1024));
  const dialogue = await icap.next();
  await dialogue.until('0\r\n\r\n');
  const leftAt = performance.now();
  socket.destroy();
  expectAtOnce('REQMOD wait in an upload, ICAP', leftAt, await dialogue.closedAt);
});

test.each(['plain', 'echo'] as const)(
  'a client that leaves while the origin has not answered ends its connection (%s)',
  async (route) => {
    let asked = (): void => {};
    const wasAsked = new Promise<void>((resolve) => (asked = resolve));
    await using origin = await watchedOrigin(asked);
    const { socket } = await requestThrough(standard, route, origin.port, '/');
    await wasAsked;
    const leftAt = performance.now();
    socket.destroy();
    expectAtOnce(`origin wait (${route}), origin`, leftAt, await origin.closed[0]!.closedAt);
  },
);

async function expectAbortInBody(weir: WeirChild, route: Route): Promise<void> {
  await using origin = await watchedOrigin(endlessAnswer);
  const { socket, response } = await requestThrough(weir, route, origin.port, '/');
  await once(await response, 'data');
  const leftAt = performance.now();
  socket.destroy();
  expectAtOnce(`body (${route}), origin`, leftAt, await origin.closed[0]!.closedAt);
}

test.each(['plain', 'echo', 'echotcp'] as const)(
  'a client that leaves in the body ends the connection of the origin (%s)',
  async (route) => {
    await expectAbortInBody(standard, route);
  },
);

describeWithPeer('c-icap', () => {
  test('a client that leaves in a body behind c-icap ends the connections of both', async () => {
    await using cIcap = await startCIcap();
    await using weir = await startWeirChild({ foreign: cIcap.url('echo'), points: ['respmod'] });
    await expectAbortInBody(weir, 'foreign'); // 204
    await expectAbortInBody(weir, 'foreign'); // a copy while it reads
  });
});

test('a client that leaves in an adapted body ends the ICAP exchange that sends it', async () => {
  await using icap = await scriptedIcap(({ socket, until }) => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';
    void until('null-body').then(() =>
      socket.write(
        `ICAP/1.0 200 OK\r\nISTag: "scripted"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}5\r\nhello\r\n`,
      ),
    );
  });
  await using origin = await rawOrigin(() => {}, { tls: true });
  await using weir = await startWeirChild({ foreign: icap.url });
  const { socket, response } = await requestThrough(weir, 'foreign', origin.port, '/');
  await once(await response, 'data');
  const dialogue = await icap.next();
  const leftAt = performance.now();
  socket.destroy();
  expectAtOnce('adapted body, ICAP', leftAt, await dialogue.closedAt);
});

test.each(['scan', 'scantcp'] as const)(
  'a client that leaves while its answer is being held ends the origin and frees what was spooled (%s)',
  async (route) => {
    await using origin = await watchedOrigin((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${4 * MEBIBYTE}\r\n\r\n`);
      socket.write(patternAt(0, MEBIBYTE - 7));
    });
    const { socket } = await requestThrough(standard, route, origin.port, '/');
    await eventually(() => spoolFiles(standard.spoolFolder).length > 0, 'a spool file');
    const leftAt = performance.now();
    socket.destroy();
    expectAtOnce(`hold (${route}), origin`, leftAt, await origin.closed[0]!.closedAt);
    await eventually(() => spoolFiles(standard.spoolFolder).length === 0, 'the end of the spool file');
    expectAtOnce(`hold (${route}), spool file`, leftAt, performance.now());
  },
);

describe('a client that leaves during the scan', () => {
  test.each(['scan', 'scantcp'] as const)('aborts the blade (%s)', async (route) => {
    await using origin = await originServer((_request, response) => sendPattern(response, MEBIBYTE), {
      tls: true,
    });
    await using weir = await startWeirChild({
      points: ['respmod'],
      plugins: [WAITING_BLADE],
      profiles: { optimized: { blades: { waiting: { timeout: '20s' } } } },
    });
    const { socket } = await requestThrough(weir, route, origin.port, '/');
    await weir.record(({ msg }) => msg === 'scan began');
    const leftAt = Date.now();
    socket.destroy();
    await eventually(() => spoolFiles(weir.spoolFolder).length === 0, 'the end of the spool file');
    expectAtOnce(`scan (${route}), spool file`, leftAt, Date.now());
    const aborted = await weir.record(({ msg }) => msg === 'scan aborted');
    expectAtOnce(`scan (${route}), signal`, leftAt, aborted.at!);
    await weir.record(({ kind, error }) => kind === 'gateway' && error?.code === 'ERR_ABORTED');
  });

  test('stops the scanning thread', async () => {
    await using origin = await originServer(
      (request, response) => sendPattern(response, Number(request.url!.slice(1))),
      { tls: true },
    );
    await using weir = await startWeirChild({ points: ['respmod'] });
    const idle = threads(weir.pid);
    await get(weir, 'scan', origin.port, `/${MEBIBYTE}`);
    const scanning = threads(weir.pid);
    expect(scanning).toBeGreaterThan(idle);
    const size = 384 * MEBIBYTE; // some seconds of scanning
    const { socket } = await requestThrough(weir, 'scan', origin.port, `/${size}`);
    await eventually(() => spooledBytes(weir.spoolFolder) === size, 'the whole body in the spool', 20_000);
    socket.destroy();
    await eventually(() => threads(weir.pid) < scanning, 'the end of the scanning thread', 500);
    await eventually(() => spoolFiles(weir.spoolFolder).length === 0, 'the end of the spool file', 500);
    await weir.record(({ kind, error }) => kind === 'gateway' && error?.code === 'ERR_ABORTED');
  });
});

test('a client that leaves at the block page leaves nothing behind, and the next one is served', async () => {
  await using origin = await originServer((_request, response) => response.end(eicar()), { tls: true });
  const { socket, response } = await requestThrough(standard, 'scan', origin.port, '/');
  expect((await response).statusCode).toBe(403);
  socket.destroy();
  await standard.record(({ kind, verdict }) => kind === 'proxy' && verdict === 'blocked');
  expect(await get(standard, 'scan', origin.port, '/')).toMatchObject({ status: 403, complete: true });
  expect(origin.connections()).toBe(1); // it was whole, and serves the next request
});

test('a block at the preview ends the origin, which is still sending', async () => {
  await using icap = await scriptedIcap(({ socket, until }) => {
    const head = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n';
    void until('0\r\n\r\n').then(() =>
      socket.write(
        `ICAP/1.0 200 OK\r\nISTag: "scripted"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}2\r\nno\r\n0\r\n\r\n`,
      ),
    );
  });
  await using origin = await watchedOrigin(endlessAnswer);
  await using weir = await startWeirChild({ foreign: icap.url, points: ['respmod'] });
  expect(await get(weir, 'foreign', origin.port, '/')).toMatchObject({
    status: 403,
    complete: true,
    start: 'no',
  });
  const answeredAt = performance.now();
  expectAtOnce('block at the preview, origin', answeredAt, await origin.closed[0]!.closedAt);
});
