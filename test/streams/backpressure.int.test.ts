// A receiver that stops reading stops the sender, whatever stands between them.

import { once } from 'node:events';
import type http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { originServer } from '../support/originServer.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { get, receive, requestThrough } from './exchange.ts';
import { PatternCheck, sendPattern, type PatternSource } from './pattern.ts';
import { scriptedIcap } from './scripted-icap.ts';
import {
  kernelBuffers,
  START_LIMIT_MS,
  startWeirChild,
  watchMemory,
  type Route,
  type WeirChild,
} from './weir-child.ts';

const MEBIBYTE = 1024 * 1024;
const SIZE = 64 * MEBIBYTE; // more than the kernel's buffers of three connections in a row

const HELD_AT_MOST = MEBIBYTE; // bytes in Weir, and in the sender's and the receiver's own buffers
const WARM_UP = 16 * MEBIBYTE; // bytes: lets the heap find its size, and V8 compile what runs most
const STILL_MS = 250; // a sender that moves nothing for this long has been stopped

/** Waits until the sender does not move any more; it must be far from its end, and little may be under way. */
async function expectStopped(what: string, source: PatternSource, ports: readonly number[]): Promise<void> {
  for (let before = -1; before !== source.sent;) {
    before = source.sent;
    await new Promise((resolve) => setTimeout(resolve, STILL_MS));
  }
  const held = source.sent - kernelBuffers(ports);
  if (process.env['WEIR_TEST_FIGURES'] !== undefined) {
    const figure = (bytes: number): string => (bytes / MEBIBYTE).toFixed(2);
    process.stderr.write(
      `${what}: sender gave ${figure(source.sent)} MiB, not in the kernel ${figure(held)}\n`,
    );
  }
  expect(source.sent).toBeLessThan(SIZE);
  expect(held).toBeLessThan(HELD_AT_MOST);
}

/** Passes a body on: what memory grows by then is of the next. */
async function warmUp(weir: WeirChild, route: Route): Promise<void> {
  await using origin = await originServer(
    (_request, response) => {
      response.writeHead(200, { 'content-length': WARM_UP });
      sendPattern(response, WARM_UP);
    },
    { tls: true },
  );
  expect(await get(weir, route, origin.port, '/')).toMatchObject({ bytes: WARM_UP, complete: true });
}

/** @param further ports of ICAP servers that the body passes through */
async function expectSlowReaderToStopOrigin(
  weir: WeirChild,
  route: Route,
  further: number[] = [],
): Promise<void> {
  let source: PatternSource | undefined;
  await using origin = await originServer(
    (_request, response) => {
      response.writeHead(200, { 'content-length': SIZE });
      source = sendPattern(response, SIZE);
    },
    { tls: true },
  );
  using memory = watchMemory(weir.pid);
  const { response, socket } = await requestThrough(weir, route, origin.port, '/');
  const answer = await response;
  answer.pause();
  await expectStopped(`slow client, ${route}`, source!, [weir.port, origin.port, ...further]);
  expect(memory.stop().growth).toBeLessThan(32);
  expect(await receive(answer)).toMatchObject({ bytes: SIZE, differsAt: null, complete: true });
  socket.destroy();
}

async function expectSlowOriginToStopUpload(
  weir: WeirChild,
  route: Route,
  further: number[] = [],
): Promise<void> {
  const arrived: http.IncomingMessage[] = [];
  const check = new PatternCheck();
  await using origin = await originServer(
    (request, response) => {
      arrived.push(request); // and nothing is read of it
      request.once('end', () => response.end('done'));
    },
    { tls: true },
  );
  using memory = watchMemory(weir.pid);
  const { request, response, socket } = await requestThrough(weir, route, origin.port, '/', {
    method: 'POST',
    headers: { 'content-length': SIZE },
    body: true,
  });
  const source = sendPattern(request, SIZE);
  await expectStopped(`slow origin, ${route}`, source, [weir.port, origin.port, ...further]);
  expect(memory.stop().growth).toBeLessThan(32);
  arrived[0]!.on('data', (chunk: Buffer) => check.take(chunk));
  const answer = await response;
  answer.resume();
  await once(answer, 'end');
  expect(check).toMatchObject({ bytes: SIZE, differsAt: null });
  socket.destroy();
}

let weir: WeirChild;

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

describe.each(['plain', 'echo', 'echotcp'] as const)('by way of %s', (route) => {
  beforeAll(async () => {
    weir ??= await startWeirChild();
    await warmUp(weir, route);
  }, START_LIMIT_MS);

  test('a client that stops reading stops the origin, and gets every byte once it reads on', async () => {
    await expectSlowReaderToStopOrigin(weir, route);
  });

  test('an origin that stops reading stops the client, and gets every byte once it reads on', async () => {
    await expectSlowOriginToStopUpload(weir, route);
  });
});

describeWithPeer('c-icap', () => {
  // Its echo service answers a copy and 204 in turns.
  test('both are stopped behind the echo service of c-icap, whether it says 204 or sends a copy', async () => {
    await using cIcap = await startCIcap();
    await using weir = await startWeirChild({ foreign: cIcap.url('echo') });
    await warmUp(weir, 'plain');
    for (let turn = 0; turn < 2; turn++) await expectSlowReaderToStopOrigin(weir, 'foreign', [cIcap.port]);
    for (let turn = 0; turn < 2; turn++) await expectSlowOriginToStopUpload(weir, 'foreign', [cIcap.port]);
    expect(await cIcap.accessLog(/^RESPMOD echo 200/m)).toMatch(/^RESPMOD echo 200/m);
    expect(await cIcap.accessLog(/^RESPMOD echo 204/m)).toMatch(/^RESPMOD echo 204/m);
  });
});

test('a client that stops reading stops the origin through a service that sends the body back while it reads', async () => {
  await using icap = await scriptedIcap((dialogue) => {
    const { socket } = dialogue;
    void dialogue.until('0\r\n\r\n').then(() => {
      // The preview is dropped from the echo and told by the head: what follows 100 comes back as it is.
      socket.write('ICAP/1.0 100 Continue\r\n\r\n');
      const head = `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n`;
      socket.removeAllListeners('data');
      socket.write(
        `ICAP/1.0 200 OK\r\nISTag: "scripted"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}`,
      );
      const preview = dialogue.received().slice(dialogue.received().lastIndexOf('400\r\n'));
      socket.write(Buffer.from(preview.slice(0, -'0\r\n\r\n'.length), 'latin1'));
      socket.pipe(socket);
    });
  });
  await using weir = await startWeirChild({ foreign: icap.url, points: ['respmod'] });
  await warmUp(weir, 'plain');
  await expectSlowReaderToStopOrigin(weir, 'foreign', [icap.port]);
});
