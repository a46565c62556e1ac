// Where bodies wait for their verdict: in memory up to the bound, beyond it in a file that only we can
// read and that is gone afterwards, whatever happens. A disk that takes no more fails closed.

import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { originServer, type OriginServer } from '../support/originServer.ts';
import { tempDir } from '../support/tempDir.ts';
import { get, receive, requestThrough } from './exchange.ts';
import { patternAt, sendPattern } from './pattern.ts';
import {
  descriptors,
  eventually,
  spooledBytes,
  spoolFiles,
  startWeirChild,
  type WeirChild,
} from './weir-child.ts';

const run = promisify(execFile);
const KIBIBYTE = 1024;
const BOUND = 64 * KIBIBYTE;

/** Sends `/<bytes>` of the pattern; `/<bytes>/held` all but the last byte, until `finish` is called. */
async function heldOrigin(): Promise<OriginServer & { finish(): void }> {
  const waiting: (() => void)[] = [];
  const origin = await originServer(
    (request, response) => {
      const [, length, held] = request.url!.split('/');
      const size = Number(length);
      response.writeHead(200, { 'content-length': size });
      if (held === undefined) return void sendPattern(response, size);
      sendPattern(response, size - 1, { open: true });
      waiting.push(() => response.end(patternAt(size - 1, 1)));
    },
    { tls: true },
  );
  return Object.assign(origin, { finish: () => waiting.splice(0).forEach((finish) => finish()) });
}

const gone = (weir: WeirChild) =>
  eventually(() => spoolFiles(weir.spoolFolder).length === 0, 'the end of the last spool file');

test('a body up to adaptation.spool.memory stays in memory, one beyond it goes to a file of mode 0600 until it was delivered', async () => {
  await using origin = await heldOrigin();
  await using weir = await startWeirChild({ points: ['respmod'], spoolMemory: `${BOUND}B` });

  const small = await requestThrough(weir, 'scan', origin.port, `/${BOUND}/held`);
  await eventually(() => origin.requests.length === 1, 'the request');
  origin.finish();
  expect(await receive(await small.response)).toMatchObject({
    bytes: BOUND,
    differsAt: null,
    complete: true,
  });
  small.socket.destroy();
  expect(readdirSync(weir.spoolFolder)).toEqual([]);

  const size = 8 * BOUND;
  const { response, socket } = await requestThrough(weir, 'scan', origin.port, `/${size}/held`);
  await eventually(() => spooledBytes(weir.spoolFolder) === size - 1, 'all that was sent in the file');
  const [file] = spoolFiles(weir.spoolFolder);
  expect(statSync(file!).mode & 0o777).toBe(0o600);
  expect(statSync(path.dirname(file!)).mode & 0o777).toBe(0o700);
  origin.finish();
  expect(await receive(await response)).toMatchObject({ bytes: size, differsAt: null, complete: true });
  socket.destroy();
  await gone(weir);
  expect(descriptors(weir.pid).filter((name) => name.includes('weir-spool'))).toEqual([]);
});

test('a folder that a killed process left behind is removed by the next one, one of a living process stays', async () => {
  await using spool = await tempDir();
  await using origin = await heldOrigin();
  const size = 8 * BOUND;
  const living = `weir-spool-${process.pid}-living`;
  await mkdir(spool.join(living));
  let left: string[];
  {
    await using weir = await startWeirChild({ points: ['respmod'], spoolFolder: spool.path });
    await requestThrough(weir, 'scan', origin.port, `/${size}/held`);
    await eventually(() => spooledBytes(spool.path) > 0, 'a spool file');
    left = readdirSync(spool.path).filter((name) => name !== living);
    weir.process.child.kill('SIGKILL');
    await weir.process.exited;
    expect(left).toHaveLength(1);
    expect(readdirSync(spool.path)).toEqual(expect.arrayContaining(left));
  }
  await using weir = await startWeirChild({ points: ['respmod'], spoolFolder: spool.path });
  expect(await get(weir, 'scan', origin.port, `/${size}`)).toMatchObject({ bytes: size, differsAt: null });
  await eventually(() => !readdirSync(spool.path).includes(left[0]!), 'the end of the stale folder');
  expect(readdirSync(spool.path)).toContain(living);
  weir.process.child.kill('SIGTERM');
  expect(await weir.process.exited).toBe(0);
  expect(readdirSync(spool.path)).toEqual([living]);
});

test('a spool folder that somebody removes fails one body and is made again for the next', async () => {
  await using origin = await heldOrigin();
  await using weir = await startWeirChild({ points: ['respmod'] });
  const size = 16 * BOUND;
  expect(await get(weir, 'scan', origin.port, `/${size}`)).toMatchObject({ bytes: size, differsAt: null });
  for (const name of readdirSync(weir.spoolFolder))
    await rm(path.join(weir.spoolFolder, name), { recursive: true });
  expect(await get(weir, 'scan', origin.port, `/${size}`)).toMatchObject({ status: 500, complete: true });
  expect(await get(weir, 'scan', origin.port, `/${size}`)).toMatchObject({ bytes: size, differsAt: null });
});

/** What must hold wherever the disk takes no more. */
async function expectFailsClosed(weir: WeirChild, origin: OriginServer): Promise<void> {
  const before = descriptors(weir.pid).length;
  for (const route of ['scan', 'scantcp'] as const) {
    const refused = await get(weir, route, origin.port, `/${8 * 1024 * KIBIBYTE}`);
    expect(refused.complete).toBe(true);
    // Over TCP both halves spool, on the same disk: whoever comes too late is the one to tell.
    if (route === 'scan' || refused.status === 500) expect(refused.start).toContain('ERR_SPOOL');
    else expect(refused.start).toContain('ERR_ADAPT_STATUS');
    expect(await get(weir, route, origin.port, `/${KIBIBYTE}`)).toMatchObject({
      status: 200,
      differsAt: null,
    });
  }
  const upload = await requestThrough(weir, 'scan', origin.port, '/1', {
    method: 'POST',
    headers: { 'content-length': 8 * 1024 * KIBIBYTE },
    body: true,
  });
  const asked = origin.requests.length;
  sendPattern(upload.request, 8 * 1024 * KIBIBYTE);
  expect((await upload.response).statusCode).toBe(500);
  upload.socket.destroy();
  expect(origin.requests.length).toBe(asked);
  expect(spoolFiles(weir.spoolFolder)).toEqual([]);
  // What may be kept for reuse: a connection to the origin, one to the gateway, and its other end.
  await eventually(() => descriptors(weir.pid).length <= before + 4, 'the end of what failed');
}

describe('a message that cannot be spooled is refused, and Weir goes on', () => {
  test('where the folder cannot be made', async () => {
    await using folder = await tempDir();
    const file = await folder.write('file', '');
    await using origin = await heldOrigin();
    await using weir = await startWeirChild({ spoolFolder: path.join(file, 'spool') });
    await expectFailsClosed({ ...weir, spoolFolder: folder.path }, origin);
  });

  const asRoot = process.getuid?.() === 0 ? test : test.skip; // mounting is root's
  asRoot('where the disk is full', async () => {
    await using folder = await tempDir();
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder.path]);
    try {
      await using origin = await heldOrigin();
      await using weir = await startWeirChild({ spoolFolder: folder.path });
      await expectFailsClosed(weir, origin);
      const fits = 1024 * KIBIBYTE;
      expect(await get(weir, 'scan', origin.port, `/${fits}`)).toMatchObject({
        bytes: fits,
        differsAt: null,
      });
    } finally {
      await run('umount', ['--lazy', folder.path]);
    }
  });
});
