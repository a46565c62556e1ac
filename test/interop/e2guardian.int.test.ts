// e2guardian, a filtering proxy whose content scanner is an ICAP client, in front of our gateway.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { curl } from '../support/curl.ts';
import { eicar, eicarZip } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { type E2guardian, startE2guardian } from '../support/peers/e2guardian.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

const PAGES: Readonly<Record<string, Buffer>> = {
  '/short': Buffer.from('nothing of interest'),
  '/preview': randomBytes(4096), // as much as the gateway wants ahead
  '/longer': randomBytes(4097),
  '/large': randomBytes(300_000),
  '/file': randomBytes(3_000_000), // too large for e2guardian's memory
  '/eicar': eicar(),
  '/eicar.zip': eicarZip(),
};

describeWithPeer(['e2guardian', 'curl'], () => {
  let weir: TestWeir;
  let origin: OriginServer;
  let proxy: E2guardian;
  beforeAll(async () => {
    weir = await startTestWeir();
    origin = await originServer((request, response) => {
      response.setHeader('content-type', 'application/octet-stream');
      response.end(PAGES[request.url!]);
    });
    proxy = await startE2guardian({ respmod: `icap://127.0.0.1:${weir.gatewayPort}/sandblast` });
  });
  afterAll(async () => {
    await proxy.stop();
    await origin.close();
    await weir[Symbol.asyncDispose]();
  });
  const get = (page: string) =>
    curl(['--proxy', `http://127.0.0.1:${proxy.port}`, `http://127.0.0.1:${origin.port}${page}`]);

  test.each(['/short', '/preview', '/longer', '/large', '/file'])(
    'V-19 e2guardian has %s scanned and passes it as it is',
    async (page) => {
      const { status, body } = await get(page);
      expect(status).toBe(200);
      expect(body.equals(PAGES[page]!)).toBe(true);
      const [record] = await weir.logged(({ kind, url }) => kind === 'gateway' && url.endsWith(page));
      expect(record).toMatchObject({ verdict: 'allowed', bytes: PAGES[page]!.length, icapStatus: 204 });
      expect(await proxy.accessLog()).toMatch(new RegExp(`${page}\\t.*\\*SCANNED\\*`));
    },
  );

  test.each(['/eicar', '/eicar.zip'])('V-19 e2guardian blocks %s on our word', async (page) => {
    const { body } = await get(page);
    expect(body.includes(PAGES[page]!)).toBe(false);
    expect(body.toString('latin1')).toMatch(/<html/i);
    const [record] = await weir.logged(({ kind, url }) => kind === 'gateway' && url.endsWith(page));
    expect(record).toMatchObject({ verdict: 'blocked', threat: { name: 'EICAR-Test-File' } });
    expect(await proxy.accessLog()).toMatch(
      new RegExp(`${page}\\tGET\\t403\\t.*\\*INFECTED\\*.*EICAR-Test-File`),
    );
  });
});
