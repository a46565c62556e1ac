// ICAP clients that somebody else wrote, against our gateway: c-icap's command-line client and Squid,
// which intercepts TLS as we do.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { eicar, eicarGzip, eicarZip } from '../support/eicar.ts';
import { curl } from '../support/curl.ts';
import { cIcapClient } from '../support/peers/c-icap-client.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { startSquid, type Squid } from '../support/peers/squid.ts';
import { connectThrough, rawClientOn } from '../support/rawClient.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';
import { MEGABYTE, type Origins, sha256, startOrigins } from './lab.ts';

const URL = 'http://origin.test/a';
const RESPMOD = ['-resp', URL];
const REQMOD = ['-req', URL, '-method', 'POST'];

describeWithPeer('c-icap-client', () => {
  let weir: TestWeir;
  let folder: TempDir;
  const url = (service: string): string => `icap://127.0.0.1:${weir.gatewayPort}/${service}`;

  beforeAll(async () => {
    weir = await startTestWeir();
    folder = await tempDir();
    await folder.write('clean', 'nothing of interest\n'.repeat(1000));
    await folder.write('short', 'short');
    await folder.write('large', MEGABYTE);
    await folder.write('eicar', eicar());
    await folder.write('eicar.gz', eicarGzip());
    await folder.write('eicar.zip', eicarZip());
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Sends a file; `body` is what the client wrote of the adapted message, null where it kept the original. */
  async function send(
    service: string,
    file: string,
    args: readonly string[],
  ): Promise<{ stderr: string; exitCode: number; body: Buffer | null }> {
    const out = folder.join(`out-${Math.random()}`);
    const result = await cIcapClient(url(service), ['-v', '-f', folder.join(file), '-o', out, ...args]);
    const body = await readFile(out).catch(() => null);
    return { ...result, body: body === null || body.length === 0 ? null : body };
  }

  test.each(['sandblast', 'echo', 'info'])(
    'OPTIONS of /%s names its methods and its tag',
    async (service) => {
      const { stderr, exitCode } = await cIcapClient(url(service), ['-v']);
      expect(exitCode).toBe(0);
      expect(stderr).toMatch(/ICAP\/1\.0 200 OK/);
      expect(stderr).toMatch(service === 'info' ? /Methods: REQMOD/ : /Methods: REQMOD, RESPMOD/);
      expect(stderr).toMatch(/ISTag: "[\w.-]{1,32}"/);
      expect(stderr).toMatch(/Allow 204: Yes/);
    },
  );

  const SWITCHES = [[], ['-no204'], ['-nopreview'], ['-no204', '-nopreview'], ['-w', '0'], ['-w', '7']];
  const cases = SWITCHES.flatMap((switches) => [
    { point: 'RESPMOD', args: RESPMOD, switches },
    { point: 'REQMOD', args: REQMOD, switches },
  ]);

  test.each(cases)('$point with $switches blocks EICAR, plain and packed', async ({ args, switches }) => {
    for (const file of ['eicar', 'eicar.gz', 'eicar.zip']) {
      const { stderr, body } = await send('sandblast', file, [...args, ...switches]);
      expect(stderr).toMatch(/Threat=EICAR-Test-File;/);
      expect(stderr).toMatch(/HTTP\/1\.\d 403 Forbidden/);
      expect(stderr).toMatch(/X-Weir-Incident: W-\w{13}/);
      expect(body!.toString()).toContain('EICAR-Test-File');
    }
  });

  test.each(cases)('$point with $switches leaves clean files as they are', async ({ args, switches }) => {
    for (const service of ['sandblast', 'echo']) {
      for (const file of ['short', 'clean', 'large']) {
        const { stderr, body } = await send(service, file, [...args, ...switches]);
        expect(stderr).not.toMatch(/403|Threat|error/i);
        const original = await readFile(folder.join(file));
        if (body === null) expect(stderr).toMatch(/No modification needed|ICAP\/1\.0 204/);
        else expect(sha256(body)).toBe(sha256(original));
      }
    }
  });
});

describeWithPeer(['squid', 'curl'], () => {
  let weir: TestWeir;
  let squid: Squid;
  let origins: Origins;
  beforeAll(async () => {
    weir = await startTestWeir();
    origins = await startOrigins();
    const service = `icap://127.0.0.1:${weir.gatewayPort}/sandblast`;
    squid = await startSquid({
      reqmod: service,
      respmod: service,
      originCaPath: (await testCa()).certPath,
    });
  });
  afterAll(async () => {
    await squid.stop();
    await weir[Symbol.asyncDispose]();
    await origins[Symbol.asyncDispose]();
  });
  const viaSquid = (...args: string[]) =>
    curl(['--proxy', `http://127.0.0.1:${squid.port}`, '--cacert', squid.caPath, ...args]);

  test.each(['/eicar', '/eicar-gzip', '/eicar-deflate', '/eicar.zip'])(
    'squid shows our page instead of %s',
    async (page) => {
      const { status, body, header } = await viaSquid(origins.url('https', page));
      expect(status).toBe(403);
      expect(body.toString()).toContain('EICAR-Test-File');
      expect(header('X-Weir-Incident')).toMatch(/^W-\w{13}$/);
    },
  );

  test('squid passes clean pages and a megabyte as they are', async () => {
    // Squid before 6 stalls when a response outruns the service (its bug 5352), so the origin takes its time.
    const { status, body } = await viaSquid(origins.url('https', '/paced'));
    expect(status).toBe(200);
    expect(sha256(body)).toBe(sha256(MEGABYTE));
    const { headers } = await viaSquid(origins.url('http', '/odd-head'));
    expect(headers).toMatch(/Set-Cookie: a=1; Path=\/\r\n[^]*Set-Cookie: b=2\r\n/);
  });

  test('squid stops an upload of EICAR and lets a clean megabyte through', async () => {
    await using folder = await tempDir();
    const infected = await folder.write('eicar', eicar());
    const clean = await folder.write('clean', MEGABYTE);
    const blocked = await viaSquid('--data-binary', `@${infected}`, origins.url('https', '/upload-bad'));
    expect(blocked.status).toBe(403);
    expect(blocked.body.toString()).toContain('EICAR-Test-File');
    expect(origins.seen('/upload-bad')).toBe(0);
    const passed = await viaSquid('-T', clean, origins.url('https', '/upload-good'));
    expect(passed.body.toString()).toBe(sha256(MEGABYTE));
  });

  test('squid asks the gateway a hundred times over the connections that it keeps', async () => {
    const target = `origin.test:${origins.port('https')}`;
    await using client = rawClientOn(await connectThrough(squid.port, target, { ca: squid.ca }));
    for (let i = 0; i < 50; i++) {
      client.send(`GET /clean?kept${i} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
      const answer = (await client.take(/\r\n\r\n[^]{7600}$/)).toString('latin1');
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    }
    const records = await weir.logged(({ kind, url }) => kind === 'gateway' && /\?kept\d+$/.test(url), 100);
    expect(new Set(records.map(({ verdict }) => verdict))).toEqual(new Set(['allowed']));
    expect(await squid.cacheLog()).not.toMatch(/ICAP.*(?:error|down|suspend)/i);
  });
});
