// Two thousand transactions of every kind, a good part of them broken off: descriptors, threads and
// memory are afterwards what they were before.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { originServer, type OriginServer } from '../support/originServer.ts';
import { get, requestThrough } from './exchange.ts';
import { sendPattern } from './pattern.ts';
import {
  connections,
  descriptors,
  eventually,
  residentMemory,
  spoolFiles,
  startWeirChild,
} from './weir-child.ts';
import type { Route, WeirChild } from './weir-child.ts';

const TRANSACTIONS = 2000;
const AT_A_TIME = 16;
const WARM_UP = 800;
const MOST_ROUNDS = 3;
const ALLOWED_GROWTH = 48; // MiB
const KIBIBYTE = 1024;
const STILL_MS = 200;
const LISTENING = '0A'; // state in /proc/net/tcp
const ROUTES: readonly Route[] = ['plain', 'echo', 'echotcp', 'scan', 'scantcp'];

type Kind = (weir: WeirChild, route: Route, port: number) => Promise<void>;

const small: Kind = async (weir, route, port) => {
  expect(await get(weir, route, port, `/${KIBIBYTE}`)).toMatchObject({ bytes: KIBIBYTE, differsAt: null });
};
const large: Kind = async (weir, route, port) => {
  const size = 300 * KIBIBYTE; // beyond adaptation.spool.memory
  expect(await get(weir, route, port, `/${size}`)).toMatchObject({ bytes: size, differsAt: null });
};
const infected: Kind = async (weir, route, port) => {
  const { status } = await get(weir, route, port, '/eicar');
  expect(status).toBe(route.startsWith('scan') ? 403 : 200);
};
const brokenOff: Kind = async (weir, route, port) => {
  const { complete, status } = await get(weir, route, port, '/dies');
  expect(complete && status !== 502).toBe(false);
};
/** Mostly before Weir has seen the end of the handshake. */
const leftInHandshake: Kind = async (weir, route, port) => {
  const { socket } = await requestThrough(weir, route, port, `/${KIBIBYTE}`);
  socket.destroy();
};
const leftInAnswer: Kind = async (weir, route, port) => {
  const { socket, response } = await requestThrough(weir, route, port, `/${2048 * KIBIBYTE}`);
  await once(await response, 'data');
  socket.destroy();
};
const leftInHold: Kind = async (weir, route, port) => {
  const { socket, response } = await requestThrough(weir, route, port, '/stalls');
  if (route.startsWith('scan'))
    await eventually(() => spoolFiles(weir.spoolFolder).length > 0, 'a spool file');
  else await once(await response, 'data');
  socket.destroy();
};
const upload: Kind = async (weir, route, port) => {
  const size = 300 * KIBIBYTE;
  const { request, response, socket } = await requestThrough(weir, route, port, '/1024', {
    method: 'POST',
    headers: { 'content-length': size },
    body: true,
  });
  sendPattern(request, size);
  expect((await response).statusCode).toBe(200);
  socket.destroy();
};
const leftInUpload: Kind = async (weir, route, port) => {
  const { request, socket } = await requestThrough(weir, route, port, '/1024', {
    method: 'POST',
    headers: { 'content-length': 600 * KIBIBYTE, expect: '100-continue' },
    body: true,
  });
  request.flushHeaders();
  await once(request, 'continue');
  sendPattern(request, 300 * KIBIBYTE, { open: true });
  socket.destroy();
};

// The numbers of kinds and of routes have no common divisor, so that every kind meets every route.
const KINDS: readonly Kind[] = [
  ...[small, large, small, upload, small, infected],
  ...[brokenOff, leftInHandshake, leftInAnswer, leftInHold, leftInUpload],
];

async function runMany(weir: WeirChild, port: number, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      await KINDS[number % KINDS.length]!(weir, ROUTES[number % ROUTES.length]!, port);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

/** `/eicar`, `/dies` and `/stalls` in the middle of a body, and `/<bytes>` of the pattern. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  if (request.url === '/eicar') return void response.end(eicar());
  const broken = request.url === '/dies' || request.url === '/stalls';
  const size = broken ? 300 * KIBIBYTE : Number(request.url!.slice(1));
  response.writeHead(200, { 'content-length': broken ? 2 * size : size });
  sendPattern(response, size, { open: broken });
  if (request.url === '/dies') response.write('', () => request.socket.destroy());
}

/** Descriptors and memory once nothing is under way and the origin has closed what Weir keeps for reuse. */
async function settled(
  weir: WeirChild,
  origin: OriginServer,
): Promise<{ descriptors: number; memory: number }> {
  for (const { socket } of origin.requests.splice(0)) socket.destroy();
  let seen = Infinity;
  const unchanged = async (): Promise<boolean> => {
    const before = seen;
    await new Promise((resolve) => setTimeout(resolve, STILL_MS));
    seen = descriptors(weir.pid).length;
    return seen === before;
  };
  await eventually(unchanged, 'an end of closing');
  return { descriptors: seen, memory: residentMemory(weir.pid) };
}

test('two thousand mixed transactions leave no descriptor, no spool file and no memory behind', async () => {
  await using origin = await originServer(answer, { tls: true });
  await using weir = await startWeirChild();
  await runMany(weir, origin.port, WARM_UP);
  let before = await settled(weir, origin);
  const { descriptors: openBefore } = before;
  let after = before;
  // The heap finds its size by and by; a leak would make it grow each time again.
  for (let round = 0; round < MOST_ROUNDS; round++) {
    before = after;
    await runMany(weir, origin.port, TRANSACTIONS);
    after = await settled(weir, origin);
    if (process.env['WEIR_TEST_FIGURES'] !== undefined) {
      process.stderr.write(`${TRANSACTIONS} transactions: ${JSON.stringify({ before, after })}\n`);
    }
    if (after.memory - before.memory < ALLOWED_GROWTH) break;
  }
  // Connections to the gateway stay for reuse, with both their ends here; their number varies a little.
  expect(after.descriptors).toBeLessThanOrEqual(openBefore + AT_A_TIME);
  expect(
    connections(weir.pid).filter((line) => line.startsWith(`${weir.port} → `) && !line.endsWith(LISTENING)),
  ).toEqual([]);
  expect(after.memory - before.memory).toBeLessThan(ALLOWED_GROWTH);
  expect(spoolFiles(weir.spoolFolder)).toEqual([]);
}, 240_000);
