// What is under way when the configuration changes, and what is left of the configurations of before.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { eicarZip } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { connectThrough, rawClient } from '../support/rawClient.ts';
import { tempDir } from '../support/tempDir.ts';
import { type LocalWeir, startTestWeir, type WeirSettings } from '../support/weir.ts';
import { beginScan, chunk, istag, LAST_CHUNK, options, scan, takeAnswer } from './icap.ts';

const ANTIVIRUS = fileURLToPath(new URL('../../plugins/antivirus', import.meta.url));
const MEBIBYTE = 1024 * 1024;
const RELOADS = 10;
const rule = (name: string, text: string): string =>
  `rule ${name} { strings: $a = "${text}" condition: $a }\n`;
const withRules = (folder: string): WeirSettings => ({
  plugins: [{ use: ANTIVIRUS, with: { rules: [folder] } }],
});

/** Settings of which each differs from the one before in everything that a transaction uses. */
const another = (turn: number): WeirSettings => ({
  proxy: {
    upstream: { connectTimeout: `${turn + 1}s`, engine: turn % 2 === 0 ? 'undici' : 'native' },
    targets: { deny: [`other-${turn}.test`] },
    limits: { headTimeout: `${turn + 5}s` },
  },
  gateway: { services: { sandblast: { profile: turn % 2 === 0 ? 'strict' : 'basic' } } },
  adaptation: { spool: { memory: `${turn + 100}KiB` } },
  plugins: [{ use: ANTIVIRUS, with: { workers: 1 + (turn % 2) } }],
});

/** Requests through the proxy, and gives the answer before its body is read. */
function request(weir: LocalWeir, url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { host: new URL(url).host };
    http.get({ port: weir.proxyPort, path: url, headers, agent: false }, resolve).once('error', reject);
  });
}

/** Processes that scan for this one. */
function scanners(): number {
  return readdirSync('/proc/self/task')
    .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' '))
    .filter((pid) => pid !== '' && isScanner(pid)).length;
}

function isScanner(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('scan-worker');
  } catch {
    return false; // it has just ended
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.each([
  ['streamed', { adaptation: { rules: [] } }],
  ['scanned and held', {}],
])('a download of 100 MiB that is %s', (_name, first) => {
  test('arrives whole though it is read across ten reloads', async () => {
    const block = randomBytes(MEBIBYTE);
    await using origin = await originServer((_request, response) => {
      response.writeHead(200, { 'content-length': 100 * MEBIBYTE });
      let left = 100;
      const write = (): void => {
        while (left > 0 && response.write(block)) left--;
        if (left-- > 0) response.once('drain', write);
        else response.end();
      };
      write();
    });
    await using weir = await startTestWeir(first);
    const answer = await request(weir, `http://big.test:${origin.port}/`);
    const received = createHash('sha256');
    let bytes = 0;
    let reloads = 0;
    for await (const piece of answer as AsyncIterable<Buffer>) {
      received.update(piece);
      bytes += piece.length;
      if (reloads < RELOADS && bytes > (reloads + 1) * 5 * MEBIBYTE) await weir.reload(another(reloads++));
    }
    const sent = createHash('sha256');
    for (let i = 0; i < 100; i++) sent.update(block);
    expect([reloads, bytes, received.digest('hex')]).toEqual([RELOADS, 100 * MEBIBYTE, sent.digest('hex')]);
  }, 120_000);
});

test('S-16 an ICAP request that is held across ten reloads is judged by the rules that it began under', async () => {
  await using folder = await tempDir();
  await folder.write('mine.yar', rule('Mine', 'zebra'));
  await using weir = await startTestWeir(withRules(folder.path));
  const before = await istag(weir.gatewayPort);
  await using client = await rawClient(weir.gatewayPort);
  await beginScan(client);
  client.send(chunk('a gir'));
  for (let turn = 0; turn < RELOADS; turn++) {
    await folder.write('mine.yar', rule('Mine', 'giraffe') + rule(`More${turn}`, `text ${turn}`));
    await weir.reload(withRules(folder.path));
  }
  client.send(chunk('affe'), LAST_CHUNK);
  expect(await takeAnswer(client)).toEqual({ status: 204, istag: before });
  const next = await scan(client, 'a giraffe');
  expect(next).toEqual({ status: 200, istag: await istag(weir.gatewayPort) });
  expect(next.istag).not.toBe(before);
  const records = await weir.logged((record) => record.kind === 'gateway', 2);
  expect(records.map(({ verdict, blades }) => [verdict, blades])).toEqual([
    ['allowed', [expect.objectContaining({ name: 'antivirus', verdict: 'allow' })]],
    ['blocked', [expect.objectContaining({ name: 'antivirus', verdict: 'block' })]],
  ]);
  await until(() => scanners() === 1); // those of the rules of before have ended
}, 60_000);

test('a tunnel stays open across reloads, each request in it meets the rules of its time, and a deny ends it', async () => {
  await using origin = await originServer((_request, response) => response.end(eicarZip()), { tls: true });
  await using weir = await startTestWeir();
  const host = `site.origin.test:${origin.port}`;
  await using tunnel = await connectThrough(weir.proxyPort, host, { ca: weir.ca }).then((socket) => ({
    socket,
    [Symbol.asyncDispose]: async () => void socket.destroy(),
  }));
  const ask = async (): Promise<number | undefined> => {
    const options = { createConnection: () => tunnel.socket, headers: { host, connection: 'keep-alive' } };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      http.get({ ...options, path: '/' }, resolve).once('error', reject);
    });
    answer.resume();
    await new Promise((resolve) => answer.once('end', resolve));
    return answer.statusCode;
  };
  expect(await ask()).toBe(403);
  await weir.reload({ adaptation: { rules: [] } });
  expect(await ask()).toBe(200);
  await weir.reload({ proxy: { tls: { rules: [{ hosts: ['*.origin.test'], action: 'splice' }] } } });
  expect(await ask()).toBe(403); // it was intercepted when it was opened, and stays so
  const ended = new Promise((resolve) => tunnel.socket.once('end', resolve));
  await weir.reload({ proxy: { targets: { deny: ['site.origin.test'] } } });
  await ended;
}, 60_000);

test('fifty reloads leave no scanning process, no thread and no memory behind', async () => {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  await using folder = await tempDir();
  await folder.write('mine.yar', rule('Mine', 'zebra'));
  await using weir = await startTestWeir(withRules(folder.path));
  await using client = await rawClient(weir.gatewayPort);
  const round = async (turn: number): Promise<void> => {
    await folder.write('mine.yar', rule('Mine', `zebra ${turn}`));
    const inProcesses = turn % 10 === 0;
    await weir.reload({ ...another(turn), ...(inProcesses ? withRules(folder.path) : {}) });
    if (turn % 5 > 0) return;
    const found = await scan(client, eicarZip().toString('latin1')); // an archive: a thread or process scans it
    expect(found.status).toBe(200);
  };
  const settled = async (): Promise<{ heap: number; threads: number }> => {
    await weir.reload(withRules(folder.path));
    await until(() => scanners() === 1);
    collect();
    const threads = readdirSync('/proc/self/task').length;
    return { heap: process.memoryUsage().heapUsed, threads };
  };
  for (let turn = 0; turn < 10; turn++) await round(turn);
  const before = await settled();
  for (let turn = 0; turn < 50; turn++) await round(turn);
  const after = await settled();
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  expect((after.heap - before.heap) / MEBIBYTE).toBeLessThan(8);
  expect((await options(client)).status).toBe(200); // the same connection all the time
}, 120_000);
