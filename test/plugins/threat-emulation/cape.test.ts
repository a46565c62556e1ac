import { describe, expect, test } from '@jest/globals';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CapeClient } from '../../../plugins/threat-emulation/cape.ts';
import { emulationBlade } from './blade-support.ts';
import { program } from './samples.ts';

interface FakeCape extends AsyncDisposable {
  readonly url: string;
  /** Requests as `METHOD path`, in order. */
  readonly seen: string[];
  readonly uploads: Buffer[];
  readonly tokens: (string | undefined)[];
}

/** A server that speaks the part of CAPE's API that is used; the first upload and the first question fail. */
async function fakeCape(report: object, { status = 'reported', flaky = false } = {}): Promise<FakeCape> {
  const seen: string[] = [];
  const uploads: Buffer[] = [];
  const tokens: (string | undefined)[] = [];
  const answer = async (request: IncomingMessage): Promise<[number, object]> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    seen.push(`${request.method!} ${request.url!}`);
    tokens.push(request.headers.authorization);
    if (flaky && seen.filter((one) => one === seen.at(-1)).length === 1) return [503, {}];
    if (request.url === '/apiv2/tasks/create/file/') {
      uploads.push(Buffer.concat(parts));
      return [200, { error: false, data: { task_ids: [7] } }];
    }
    if (request.url === '/apiv2/tasks/status/7/') {
      const asked = seen.filter((one) => one.includes('/status/')).length;
      return [200, { error: false, data: asked < (flaky ? 3 : 2) ? 'running' : status }];
    }
    return [200, report];
  };
  const server = createServer((request, response) => {
    void answer(request).then(([code, body]) => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/apiv2/`,
    seen,
    uploads,
    tokens,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const NONE = new AbortController().signal;
const settings = { token: 'secret', timeout: 20_000, interval: 5, tasks: 1, score: 6 };

describe('the CAPE client', () => {
  test('submits, waits for the report and reads score and family', async () => {
    await using cape = await fakeCape({ malscore: 8.5, detections: [{ family: 'Sample' }] });
    const client = new CapeClient({ ...settings, url: cape.url });
    expect(await client.detonate('a.exe', Buffer.from('MZ content'), NONE)).toEqual({
      task: 7,
      score: 8.5,
      name: 'Sample',
    });
    expect(cape.seen).toEqual([
      'POST /apiv2/tasks/create/file/',
      'GET /apiv2/tasks/status/7/',
      'GET /apiv2/tasks/status/7/',
      'GET /apiv2/tasks/get/report/7/json/',
    ]);
    expect(new Set(cape.tokens)).toEqual(new Set(['Token secret']));
    expect(cape.uploads[0]!.toString()).toMatch(/filename="a\.exe"[\s\S]*MZ content/);
  });

  test('asks again after an error that passes', async () => {
    await using cape = await fakeCape(
      {
        malscore: 0.2,
        signatures: [
          { name: 'low', severity: 1 },
          { name: 'high', severity: 3 },
        ],
      },
      { flaky: true },
    );
    const client = new CapeClient({ ...settings, url: cape.url }, 10);
    expect(await client.detonate('a.exe', Buffer.from('MZ'), NONE)).toEqual({
      task: 7,
      score: 0.2,
      name: 'high',
    });
    expect(cape.seen.filter((one) => one.startsWith('POST'))).toHaveLength(2);
  });

  test('tells a failed analysis, a full wait, a timeout and an abort apart', async () => {
    await using cape = await fakeCape({}, { status: 'failed_analysis' });
    const client = new CapeClient({ ...settings, url: cape.url });
    expect(await client.detonate('a', Buffer.from('x'), NONE)).toEqual({ task: 7, score: null, name: null });
    const gone = new AbortController();
    gone.abort();
    await expect(client.detonate('a', Buffer.from('x'), gone.signal)).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    await using slow = await fakeCape({}, { status: 'pending' });
    const hurried = new CapeClient({ ...settings, url: slow.url, timeout: 150 });
    await expect(hurried.detonate('a', Buffer.from('x'), NONE)).rejects.toMatchObject({
      code: 'ERR_SCAN_TIMEOUT',
    });
  });
});

test('a program that only the remote sandbox finds malicious is blocked by its name; if that is gone, it is said', async () => {
  const exe = program(['ReadFile']);
  const cape = await fakeCape({ malscore: 9, detections: 'Family' });
  await using te = await emulationBlade({ cape: { url: cape.url, interval: 5, timeout: '10s' } });
  expect(await te.inspect(exe)).toMatchObject({ kind: 'block', threat: 'Family' });
  expect(await te.lastReport()).toMatchObject({
    remote: { task: 7, score: 9 },
    reasons: [{ rule: 'remote' }],
  });
  await cape[Symbol.asyncDispose]();
  await using lost = await emulationBlade({ cape: { url: cape.url, interval: 5, timeout: '500ms' } });
  expect(await lost.inspect(exe)).toEqual({ kind: 'allow', notScanned: 'emulation limit' });
  expect(lost.warnings).toEqual(['remote sandbox not asked']);
});
