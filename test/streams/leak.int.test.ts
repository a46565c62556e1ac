// Two thousand transactions of every kind, a good part of them broken off: descriptors, threads and
// memory are afterwards what they were before.

import { expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { get, requestThrough } from './exchange.ts';
import { sendPattern } from './pattern.ts';
import { descriptors, eventually, residentMemory, spoolFiles, startWeirChild } from './weir-child.ts';
import type { Route, WeirChild } from './weir-child.ts';

const TRANSACTIONS = 2000;
const AT_A_TIME = 16;
const WARM_UP = 400;
const ALLOWED_GROWTH = 48; // MiB
const KIBIBYTE = 1024;
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
const leftAtOnce: Kind = async (weir, route, port) => {
  const { socket } = await requestThrough(weir, route, port, `/${300 * KIBIBYTE}`);
  socket.destroy();
};
const leftInAnswer: Kind = async (weir, route, port) => {
  const { socket, response } = await requestThrough(weir, route, port, `/${4096 * KIBIBYTE}`);
  const answer = await response;
  await new Promise((resolve) => answer.once('data', resolve));
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
    headers: { 'content-length': 600 * KIBIBYTE },
    body: true,
  });
  sendPattern(request, 300 * KIBIBYTE, { open: true });
  socket.destroy();
};

// Seven in ten are whole; the number of kinds and of routes have no common divisor.
const KINDS: readonly Kind[] = [
  ...[small, large, small, upload, small, infected, small],
  ...[brokenOff, leftAtOnce, leftInAnswer, leftInUpload],
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

test('two thousand mixed transactions leave no descriptor, no spool file and no memory behind', async () => {
  await using origin = await originServer(
    (request, response) => {
      request.resume();
      if (request.url === '/eicar') return void response.end(eicar());
      const dies = request.url === '/dies';
      const size = dies ? 200 * KIBIBYTE : Number(request.url!.slice(1));
      response.writeHead(200, { 'content-length': dies ? 2 * size : size });
      sendPattern(response, size, { open: dies });
      if (dies) response.write('', () => request.socket.destroy());
    },
    { tls: true },
  );
  await using weir = await startWeirChild();
  /** Ends what Weir keeps for reuse on the origin's side, and waits until it has noticed. */
  const settled = async (): Promise<{ descriptors: number; memory: number }> => {
    for (const { socket } of origin.requests.splice(0)) socket.destroy();
    let seen = Infinity;
    await eventually(
      async () => {
        const now = descriptors(weir.pid).filter((name) => !isIcap(name)).length;
        await new Promise((resolve) => setTimeout(resolve, 200));
        const settledNow = now === seen;
        seen = now;
        return settledNow;
      },
      'an end of closing',
      10_000,
    );
    return { descriptors: seen, memory: residentMemory(weir.pid) };
  };
  const isIcap = (_name: string): boolean => false;

  await runMany(weir, origin.port, WARM_UP);
  const before = await settled();
  await runMany(weir, origin.port, TRANSACTIONS);
  const after = await settled();
  if (process.env['WEIR_TEST_FIGURES'] !== undefined) {
    process.stderr.write(`${TRANSACTIONS} transactions: ${JSON.stringify({ before, after })}\n`);
  }
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + AT_A_TIME);
  expect(after.memory - before.memory).toBeLessThan(ALLOWED_GROWTH);
  expect(spoolFiles(weir.spoolFolder)).toEqual([]);
}, 90_000);
