// Foreign ICAP clients that know 206 and ICAP trailers: what they make of our answers is the original body
// behind a new head or a new start.

import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Body } from '../../../src/http/body.ts';
import type { IcapOutcome, IcapTransaction } from '../../../src/icap/service.ts';
import { curl } from '../../support/curl.ts';
import { originServer } from '../../support/originServer.ts';
import { cIcapClient } from '../../support/peers/c-icap-client.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { startSquid } from '../../support/peers/squid.ts';
import { tempDir } from '../../support/tempDir.ts';
import { startLab } from './lab.ts';

/** Stamps responses: a field; for `/prefix` a line in front of the body, for `/cut` ten bytes less. */
async function stamp({ request, response, body, args }: IcapTransaction): Promise<IcapOutcome> {
  if (args === 'hold') await body!.hold();
  return {
    kind: 'adapted',
    response: { ...response!, headers: [...response!.headers, 'X-Stamp', '1'] },
    body: request!.target.endsWith('/prefix') ? Body.of(Buffer.from('stamped\n')) : null,
    keepOriginalFrom: request!.target.endsWith('/cut') ? 10 : 0,
    serverMade: false,
    trailer: { names: ['X-Response-Info'], fields: async () => ['X-Response-Info', 'Stamped'] },
  };
}

const stampLab = (preview: number | null) =>
  startLab({
    '/stamp': {
      methods: ['RESPMOD'],
      handle: stamp,
      description: { preview, partialContent: true, trailers: true },
    },
  });

/** Squid before 6 stalls when a response outruns the service (its bug 5352), so the origin takes its time. */
async function sendPaced(response: ServerResponse, text: string): Promise<void> {
  response.setHeader('Content-Length', text.length);
  for (let at = 0; at < text.length; at += 8000) {
    if (!response.write(text.slice(at, at + 8000))) await once(response, 'drain');
    await pause(10);
  }
  response.end();
}

describeWithPeer(['squid', 'curl'], () => {
  test.each([
    ['a preview, at once', 1024, 100_000, '', 206],
    ['a preview that is the whole body', 1024, 100, '?hold', 206],
    ['a short body without preview', null, 100, '?hold', 206],
    ['100 and the rest of a body that squid cannot keep', 1024, 100_000, '?hold', 200],
  ])('C-64 C-66 C-100 squid has the original body after %s', async (_, preview, size, args, status) => {
    const original = 'original! '.repeat(size / 10);
    await using origin = await originServer((_request, response) => void sendPaced(response, original));
    await using lab = await stampLab(preview);
    const respmod = `icap://127.0.0.1:${lab.port}/stamp${args}`;
    await using squid = await startSquid({ respmod, allow206: true, preview });
    for (const [path, expected] of [
      ['/plain', original],
      ['/prefix', `stamped\n${original}`],
      ['/cut', original.slice(10)],
    ] as const) {
      const url = `http://origin.test:${origin.port}${path}`;
      const result = await curl(['--proxy', `http://127.0.0.1:${squid.port}`, url]);
      expect(result.status).toBe(200);
      expect(result.headers).toMatch(/^x-stamp: 1\r$/im);
      expect(result.body.toString() === expected).toBe(true);
    }
    expect(lab.reports.map((report) => [report.icapStatus, report.error])).toEqual(
      Array.from({ length: 3 }, () => [status, null]),
    );
    expect(await squid.cacheLog()).not.toMatch(/ICAP.*(?:error|down|suspend)/i);
  });
});

describeWithPeer(['c-icap-client'], () => {
  // In answer to its preview c-icap-client 0.5.10 reads no header out of any 206, so it has none here.
  test('C-64 c-icap-client has the original body behind a 206 without a preview', async () => {
    await using lab = await stampLab(1024);
    await using folder = await tempDir();
    const original = 'original! '.repeat(10_000);
    const file = await folder.write('file', original);
    const args = ['-v', '-206', '-nopreview', '-f', file, '-resp', 'http://origin.test/prefix'];
    const { stdout, stderr, exitCode } = await cIcapClient(`icap://127.0.0.1:${lab.port}/stamp`, args);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/ICAP\/1\.0 206 Partial Content[^]*X-Stamp: 1/);
    expect(stdout === `stamped\n${original}`).toBe(true);
    expect(lab.reports).toMatchObject([{ icapStatus: 206, error: null }]);
  });
});
