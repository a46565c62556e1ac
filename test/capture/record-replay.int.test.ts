// From traffic to a recording and back through other policies: what `weir record` writes and `weir replay` says.

import { readFileSync, statSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ReadTransaction } from '../../src/capture/recording-reader.ts';
import { readRecording } from '../../src/capture/recording-reader.ts';
import { RecordingWriter } from '../../src/capture/recording-writer.ts';
import { collectBody } from '../../src/http/body.ts';
import { eicar, eicarZip } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { runCli } from '../support/runCli.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const BODY_BYTES = 100_000;
const LONG = Buffer.alloc(250_000, 'long ');
const SECRET = 'kept-by-nobody-71c';

let weir: LocalWeir;
let origin: OriginServer;
let file: string;
const recorded: ReadTransaction[] = [];

const options = {
  ...{ by: 'test', bodyBytes: BODY_BYTES, fileBytes: 1e9, secrets: false },
  spool: { memoryBytes: 4096, folder: null },
};

const find = (path: string): ReadTransaction => recorded.find(({ request }) => request.url.endsWith(path))!;

async function all(path: string): Promise<ReadTransaction[]> {
  const found: ReadTransaction[] = [];
  for await (const transaction of readRecording(path)) found.push(transaction);
  return found;
}

/** `weir replay` with the configuration of that Weir, as objects. */
async function replayed(...args: string[]): Promise<{ exitCode: number; lines: Record<string, unknown>[] }> {
  const config = ['--config', weir.folder.join('weir.yaml')];
  const { exitCode, stdout, stderr } = await runCli(['replay', file, ...args, '--json', ...config]);
  if (stderr !== '') throw new Error(stderr);
  const lines = stdout.trim().split('\n');
  return { exitCode, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

beforeAll(async () => {
  origin = await originServer(
    (request, response) => {
      request.resume().on('end', () => {
        response.setHeader('Set-Cookie', `id=${SECRET}`);
        if (request.url === '/eicar.zip') response.end(eicarZip());
        else if (request.url === '/long') response.end(LONG);
        else response.end('fine');
      });
    },
    { tls: true },
  );
  weir = await startTestWeir({
    profiles: { blind: { blades: { antivirus: { enabled: false } } } },
  });
  file = weir.folder.join('traffic.weir');
  const writer = await RecordingWriter.create(file, options);
  weir.weir.capture(writer);
  await weir.curl(`${origin.url}/clean`, '--header', `Authorization: Bearer ${SECRET}`);
  await weir.curl(`${origin.url}/eicar.zip`);
  await weir.curl(`${origin.url}/upload`, '--data-binary', 'a form');
  await weir.curl(`${origin.url}/bad-upload`, '--data-binary', eicar().toString('latin1'));
  await weir.curl(`${origin.url}/long`);
  await weir.logged(({ kind }) => kind === 'proxy', 5);
  weir.weir.capture(null);
  await weir.curl(`${origin.url}/unseen`);
  await writer.close();
  recorded.push(...(await all(file)));
});

afterAll(async () => {
  await weir.stop();
  await origin.close();
});

describe('a recording', () => {
  test('has every transaction while it was on, and none after, in a file for its owner alone', () => {
    const paths = recorded.map(({ request }) => new URL(request.url).pathname);
    expect(paths).toEqual(['/clean', '/eicar.zip', '/upload', '/bad-upload', '/long']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('has bodies byte for byte, as the origin and the client sent them', async () => {
    expect(await collectBody(find('/eicar.zip').responseBody()!, 1e6)).toEqual(eicarZip());
    expect((await collectBody(find('/upload').requestBody()!, 1e6)).toString()).toBe('a form');
    expect(find('/upload').request.body).toEqual({ bytes: 6, seen: 6, complete: true });
    expect(find('/clean').requestBody()).toBeNull();
  });

  test('cuts a body at its bound and says so', async () => {
    const { response, responseBody } = find('/long');
    expect(response?.body).toEqual({ bytes: BODY_BYTES, seen: LONG.length, complete: false });
    expect(await collectBody(responseBody()!, 1e6)).toEqual(LONG.subarray(0, BODY_BYTES));
  });

  test('says what became of each, and the origin of a blocked upload was not asked', () => {
    expect(find('/clean').outcome).toMatchObject({ verdict: 'allowed', status: 200, threat: null });
    expect(find('/eicar.zip').outcome).toMatchObject({ verdict: 'blocked', status: 403 });
    expect(find('/eicar.zip').outcome?.threat).toMatch(/eicar/i);
    expect(find('/bad-upload')).toMatchObject({ response: null, outcome: { verdict: 'blocked' } });
  });

  test('keeps the names of secret fields, and no secret', () => {
    expect(readFileSync(file, 'latin1')).not.toContain(SECRET);
    expect(find('/clean').request.headers).toContain('authorization');
    expect(find('/clean').response?.headers).toContain('Set-Cookie');
  });

  test('is not written over unless that is asked for', async () => {
    await expect(RecordingWriter.create(file, options)).rejects.toMatchObject({
      code: 'ERR_RECORDING_EXISTS',
      remedy: expect.stringContaining('--force') as unknown,
    });
  });

  test('stops at the size that it may have, and counts what is left out', async () => {
    const path = weir.folder.join('small.weir');
    const writer = await RecordingWriter.create(path, { ...options, fileBytes: 300 });
    weir.weir.capture(writer);
    for (let i = 0; i < 4; i++) {
      await weir.curl(`${origin.url}/clean?${i}`);
      await weir.logged(({ url }) => url?.endsWith(`/clean?${i}`));
    }
    weir.weir.capture(null);
    await writer.close();
    expect(writer.leftOut).toBeGreaterThan(0);
    expect(writer.written + writer.leftOut).toBe(4);
    expect(await all(path)).toHaveLength(writer.written);
  });

  test.each([
    ['cut off', async (path: string) => truncate(path, statSync(path).size - 50_000), /breaks off/],
    ['of a later version', null, /has version 99/],
    ['something else', null, /is no recording/],
  ])('that is %s is refused with its place', async (kind, damage, message) => {
    const path = await weir.folder.write(`${kind}.weir`, readFileSync(file));
    if (kind === 'of a later version')
      await weir.folder.write(`${kind}.weir`, '{"format":"weir-recording","version":99}\n');
    if (kind === 'something else') await weir.folder.write(`${kind}.weir`, '{"format":"other"}\n');
    await damage?.(path);
    await expect(all(path)).rejects.toMatchObject({
      code: 'ERR_RECORDING',
      message: expect.stringMatching(message) as unknown,
    });
  });
});

describe('weir replay', () => {
  test('comes to the same outcomes with the same policy', async () => {
    const { exitCode, lines } = await replayed('--expect-same');
    expect(lines.at(-1)).toEqual({
      sums: {
        ...{ transactions: 5, replayed: 5, changed: 0, unknown: 0, partial: 1, failed: 0, skipped: {} },
        verdicts: { allowed: 3, blocked: 2 },
      },
    });
    expect(exitCode).toBe(0);
  });

  test('shows what another profile would let pass, and exits with 1 where that is not expected', async () => {
    const { exitCode, lines } = await replayed('--profile', 'blind', '--expect-same');
    const changed = lines.filter((line) => line['changed'] === true);
    expect(changed.map(({ url }) => new URL(url as string).pathname)).toEqual([
      '/clean',
      '/eicar.zip',
      '/upload',
      '/bad-upload',
      '/long',
    ]); // also those that pass as before, but unscanned now
    expect(changed[1]).toMatchObject({
      before: { verdict: 'blocked' },
      now: { verdict: 'allowed', threat: null, notScanned: 'policy' },
    });
    expect(exitCode).toBe(1);
  });

  test('goes through an ICAP server that it is pointed at', async () => {
    const { lines } = await replayed('--service', `icap://127.0.0.1:${weir.gatewayPort}/echo`);
    expect(lines.at(-1)).toMatchObject({ sums: { verdicts: { allowed: 3, 'blocked -> allowed': 2 } } });
    expect(lines[0]).toMatchObject({ now: { services: ['replay'] } });
  });

  test('says of a server that is not there what failed, and goes on', async () => {
    const { exitCode, lines } = await replayed('--service', 'icap://127.0.0.1:1/none', '--expect-same');
    expect(lines.at(-1)).toMatchObject({ sums: { replayed: 5, failed: 5 } });
    expect(lines[0]).toMatchObject({
      now: { verdict: 'error', error: expect.stringContaining('ERR_ADAPT_') },
    });
    expect(exitCode).toBe(1);
  });

  test('prints the differences for people, with the sums', async () => {
    const config = ['--config', weir.folder.join('weir.yaml')];
    const { stdout } = await runCli(['replay', file, '--profile', 'blind', ...config]);
    expect(stdout).toMatch(
      /GET https:\/\/localhost:\d+\/eicar\.zip\n {4}was blocked \(.*eicar.*\), now allowed \(not scanned: policy\)\n/i,
    );
    expect(stdout).toContain('5 recorded, 5 replayed, 5 with another outcome\n');
    expect(stdout).toContain('  2 blocked -> allowed\n');
  });

  test('names the profiles that there are', async () => {
    const config = ['--config', weir.folder.join('weir.yaml')];
    const { exitCode, stderr } = await runCli(['replay', file, '--profile', 'no-such', ...config]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/no profile "no-such"; known: .*strict/);
  });
});
