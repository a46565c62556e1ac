// A gibibyte scanned, beside the proxy and over TCP, in bounded memory; and a quarter of one, four times what
// memory may grow by, through every other kind of adaptation.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { originServer, type OriginServer } from '../support/originServer.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { get, receive, requestThrough } from './exchange.ts';
import { PatternCheck, sendPattern } from './pattern.ts';
import { eventually, spoolFiles, startWeirChild, watchMemory } from './weir-child.ts';
import type { MemoryWatch, Route, WeirChild } from './weir-child.ts';

const MEBIBYTE = 1024 * 1024;
const GIBIBYTE = 1024 * MEBIBYTE;
const QUARTER = GIBIBYTE / 4;
const WARM_UP = 16 * MEBIBYTE; // bytes: starts the scanning thread, lets V8 compile what runs most
const ALLOWED_GROWTH = 64; // MiB
const TIME_LIMIT_MS = 240_000;

/** Sends `/<bytes>` of the pattern, and takes uploads and says how many bytes of the pattern they were. */
function patternOrigin(): Promise<OriginServer> {
  return originServer(
    (request, response) => {
      if (request.method === 'GET') {
        const size = Number(request.url!.slice(1));
        response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
        sendPattern(response, size);
        return;
      }
      const check = new PatternCheck();
      request.on('data', (chunk: Buffer) => check.take(chunk));
      request.on('end', () => response.end(`${check.bytes} ${check.differsAt}`));
    },
    { tls: true },
  );
}

async function expectDownload(weir: WeirChild, route: Route, port: number, size: number): Promise<void> {
  const received = await get(weir, route, port, `/${size}`);
  expect(received).toMatchObject({ status: 200, bytes: size, differsAt: null, complete: true });
}

async function expectBoundedDownload(
  weir: WeirChild,
  route: Route,
  port: number,
  size: number,
  warmUp = WARM_UP,
): Promise<void> {
  if (warmUp > 0) await expectDownload(weir, route, port, warmUp);
  using memory = watchMemory(weir.pid);
  const startedAt = performance.now();
  await expectDownload(weir, route, port, size);
  report(`${route} download`, size, startedAt, memory.stop());
}

function report(
  what: string,
  size: number,
  startedAt: number,
  memory: ReturnType<MemoryWatch['stop']>,
): void {
  const seconds = (performance.now() - startedAt) / 1000;
  const { before, peak, growth } = memory;
  if (process.env['WEIR_TEST_FIGURES'] !== undefined) {
    process.stderr.write(
      `${what}: ${size / MEBIBYTE} MiB in ${seconds.toFixed(1)} s, memory ${before.toFixed(0)} MiB, peak ${peak.toFixed(0)}, growth ${growth.toFixed(1)}\n`,
    );
  }
  expect(growth).toBeLessThan(ALLOWED_GROWTH);
}

async function expectNothingSpooled(weir: WeirChild): Promise<void> {
  await eventually(() => spoolFiles(weir.spoolFolder).length === 0, 'the end of the last spool file');
}

test.each(['scan', 'scantcp'] as const)(
  'a download of 1 GiB that is scanned (%s) does not make memory grow',
  async (route) => {
    await using origin = await patternOrigin();
    await using weir = await startWeirChild({ points: ['respmod'] });
    await expectBoundedDownload(weir, route, origin.port, GIBIBYTE);
    await expectNothingSpooled(weir);
  },
  TIME_LIMIT_MS,
);

test.each(['echo', 'plain'] as const)(
  'a download of 256 MiB that is passed on at once (%s) does not make memory grow',
  async (route) => {
    await using origin = await patternOrigin();
    await using weir = await startWeirChild({ points: ['respmod'] });
    await expectBoundedDownload(weir, route, origin.port, QUARTER);
    expect(readdirSync(weir.spoolFolder)).toEqual([]);
  },
  TIME_LIMIT_MS,
);

describeWithPeer('c-icap', () => {
  // Its echo service answers a copy and 204 in turns.
  test(
    'a download of 256 MiB that a foreign server waves through or sends back does not make memory grow',
    async () => {
      await using cIcap = await startCIcap();
      await using origin = await patternOrigin();
      await using weir = await startWeirChild({
        foreign: cIcap.url('echo'),
        points: ['respmod'],
        hold: '64MiB',
      });
      await expectDownload(weir, 'plain', origin.port, WARM_UP);
      await expectDownload(weir, 'foreign', origin.port, 1); // a copy
      await expectBoundedDownload(weir, 'foreign', origin.port, QUARTER, 0);
      expect(readdirSync(weir.spoolFolder)).toEqual([]); // decided at its preview: nothing was kept
      await expectBoundedDownload(weir, 'foreign', origin.port, QUARTER, 0);
      await expectNothingSpooled(weir);
      const outcomes = await eventually(async () => {
        const found = (await cIcap.accessLog()).match(/^RESPMOD echo \d+/gm) ?? [];
        return found.length === 3 && found;
      }, 'three lines in the log of c-icap');
      expect(outcomes).toEqual(['RESPMOD echo 200', 'RESPMOD echo 204', 'RESPMOD echo 200']);
    },
    TIME_LIMIT_MS,
  );
});

test(
  'an upload of 256 MiB that is scanned does not make memory grow',
  async () => {
    await using origin = await patternOrigin();
    await using weir = await startWeirChild({ points: ['reqmod'] });
    await expectUpload(weir, origin.port, WARM_UP);
    using memory = watchMemory(weir.pid);
    const startedAt = performance.now();
    await expectUpload(weir, origin.port, QUARTER);
    report('scan upload', QUARTER, startedAt, memory.stop());
    await expectNothingSpooled(weir);
  },
  TIME_LIMIT_MS,
);

async function expectUpload(weir: WeirChild, port: number, size: number): Promise<void> {
  const headers = { 'content-length': size };
  const { request, response, socket } = await requestThrough(weir, 'scan', port, '/', {
    method: 'POST',
    headers,
    body: true,
  });
  sendPattern(request, size);
  const answer = await response;
  const received = receive(answer);
  await once(answer, 'close');
  expect((await received).start).toBe(`${size} null`);
  socket.destroy();
}
