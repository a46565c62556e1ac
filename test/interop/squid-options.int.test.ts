// Squid with each of its ICAP switches against our gateway. What Squid does by default is
// test/e2e/foreign-icap-clients.int.test.ts.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Origins, sha256, startOrigins } from '../e2e/lab.ts';
import { CLEAN_TEXT, MEGABYTE } from '../e2e/lab.ts';
import { curl } from '../support/curl.ts';
import { eicar } from '../support/eicar.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { startSquid, type Squid, type SquidOptions } from '../support/peers/squid.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

const SWITCHES: readonly (readonly [string, SquidOptions])[] = [
  ['icap_206_enable on', { allow206: true }],
  ['icap_206_enable on and no preview', { allow206: true, preview: null }],
  ['icap_preview_enable off', { preview: null }],
  ['icap_preview_size 0', { preview: 0 }],
  ['icap_persistent_connections off', { config: ['icap_persistent_connections off'] }],
  [
    'force_request_body_continuation and icap_206_enable on',
    {
      allow206: true,
      config: ['force_request_body_continuation allow all'],
    },
  ],
];

describeWithPeer(['squid', 'curl'], () => {
  let weir: TestWeir;
  let origins: Origins;
  let folder: TempDir;
  beforeAll(async () => {
    weir = await startTestWeir();
    origins = await startOrigins();
    folder = await tempDir();
    await folder.write('eicar', eicar());
    await folder.write('clean', MEGABYTE);
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
    await origins[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  describe.each(SWITCHES)('%s', (_, options) => {
    let squid: Squid;
    beforeAll(async () => {
      const service = `icap://127.0.0.1:${weir.gatewayPort}/sandblast`;
      const originCaPath = (await testCa()).certPath;
      squid = await startSquid({ reqmod: service, respmod: service, originCaPath, ...options });
    });
    afterAll(() => squid.stop());
    const via = (...args: string[]) =>
      curl(['--proxy', `http://127.0.0.1:${squid.port}`, '--cacert', squid.caPath, ...args]);

    test('V-02 clean pages come as they are', async () => {
      for (const scheme of ['http', 'https'] as const) {
        const text = await via(origins.url(scheme, '/clean'));
        expect(text).toMatchObject({ status: 200, exitCode: 0 });
        expect(text.body.toString()).toBe(CLEAN_TEXT);
        const head = await via('--head', origins.url(scheme, '/clean'));
        expect(head).toMatchObject({ status: 200, exitCode: 0 });
        expect((await via(origins.url(scheme, '/empty'))).status).toBe(200);
        const { body } = await via(origins.url(scheme, '/paced'));
        expect(sha256(body)).toBe(sha256(MEGABYTE));
      }
    });

    test('V-02 EICAR is stopped in both directions, and a clean upload passes', async () => {
      for (const scheme of ['http', 'https'] as const) {
        for (const page of ['/eicar', '/eicar.zip']) {
          const { status, body } = await via(origins.url(scheme, page));
          expect(status).toBe(403);
          expect(body.toString()).toContain('EICAR-Test-File');
        }
        const target = origins.url(scheme, '/upload');
        const bad = await via('--data-binary', `@${folder.join('eicar')}`, target);
        expect(bad.status).toBe(403);
        const good = await via('-T', folder.join('clean'), target);
        expect(good.body.toString()).toBe(sha256(MEGABYTE));
      }
    });

    test('V-01 Squid has nothing to complain of', async () => {
      expect(await squid.cacheLog()).not.toMatch(/ICAP.*(?:error|down|suspend)|essential ICAP service is/i);
    });
  });
});
