// The client against a real c-icap: what its answers mean, and the peculiarities of V-15 … V-18 as it has
// them and not as we play them.

import { expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import { IcapServiceClient } from '../../../src/icap/client/service-client.ts';
import type { IcapServiceClientOptions } from '../../../src/icap/client/service-client.ts';
import type { CIcap, CIcapService } from '../../support/peers/c-icap.ts';
import { startCIcap } from '../../support/peers/c-icap.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { bodyOf, respmod } from './scripted-icap.ts';

const PAGE = Buffer.from(`<html>${'some text of a page '.repeat(20_000)}</html>`);
const REQMOD = respmod(null, { method: 'REQMOD', response: null });

interface Reached extends Disposable {
  readonly client: IcapServiceClient;
  readonly notices: string[];
}

function reach(server: CIcap, service: CIcapService, more: Partial<IcapServiceClientOptions> = {}): Reached {
  const notices: string[] = [];
  const client = new IcapServiceClient({
    ...{ name: service, secure: false, host: '127.0.0.1', port: server.port, path: `/${service}` },
    ...{ timeoutMs: 10_000, connectTimeoutMs: 5000, userAgent: 'test', ...more },
    onNotice: (text) => notices.push(text),
  });
  return { client, notices, [Symbol.dispose]: () => client.close() };
}

describeWithPeer(['c-icap'], () => {
  test('K-35 a 206 in answer to a preview: its prefix, then the original', async () => {
    await using server = await startCIcap();
    using ex206 = reach(server, 'ex206');
    for (let i = 0; i < 3; i++) {
      const adaptation = await ex206.client.adapt(respmod(PAGE, { keepOriginal: true }));
      expect(adaptation).toMatchObject({ icapStatus: 206, preview: 1024 });
      const body = (await bodyOf(adaptation)).toString();
      expect(body).toMatch(/^<html>\s*<!--A simple comment/);
      expect(body.endsWith(PAGE.subarray(6).toString())).toBe(true);
      adaptation.dropOriginal?.();
    }
    expect(ex206.client.status().connections).toMatchObject({ open: 1, idle: 1 });
  });

  test('C-82 V-18 a 206 outside previews: the stray answer behind it meets nobody', async () => {
    await using server = await startCIcap();
    using ex206 = reach(server, 'ex206', { previewBytes: false });
    for (let i = 0; i < 5; i++) {
      const adaptation = await ex206.client.adapt(respmod(PAGE));
      expect(adaptation.icapStatus).toBe(206);
      expect((await bodyOf(adaptation)).includes(PAGE.subarray(6))).toBe(true);
    }
  });

  test('V-18 where 206 is not offered the service does without', async () => {
    await using server = await startCIcap();
    using ex206 = reach(server, 'ex206', { allow: ['204'] });
    const adaptation = await ex206.client.adapt(respmod(PAGE));
    expect([200, 204]).toContain(adaptation.icapStatus);
    expect((await bodyOf(adaptation)).includes(PAGE.subarray(6))).toBe(true);
  });

  test('V-16 it closes on HTTP trailers, in the middle of its answer: the next message passes without', async () => {
    await using server = await startCIcap();
    using echo = reach(server, 'echo', { previewBytes: false });
    const echoed = async (): Promise<Buffer> => {
      const body = new Body();
      body.push(PAGE);
      body.end(['X-Checksum', 'abc']);
      return bodyOf(await echo.client.adapt(respmod(body)));
    };
    await expect(echoed()).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
    expect((await echoed()).equals(PAGE)).toBe(true);
    expect(echo.notices).toEqual([expect.stringContaining('trailers')]);
  });

  test('V-17 without `Allow: 204` and without preview it echoes the message', async () => {
    await using server = await startCIcap();
    using echo = reach(server, 'echo', { previewBytes: false, allow: [] });
    const adaptation = await echo.client.adapt(respmod(PAGE));
    expect(adaptation.icapStatus).toBe(200);
    expect((await bodyOf(adaptation)).equals(PAGE)).toBe(true);
  });

  test('K-32 with Allow204As200okZeroEncaps an empty 200 means "not modified"', async () => {
    await using server = await startCIcap({ config: ['Allow204As200okZeroEncaps'] });
    using echo = reach(server, 'echo');
    for (let i = 0; i < 3; i++) {
      expect(await echo.client.adapt(REQMOD)).toMatchObject({ request: null, response: null });
    }
    expect((await bodyOf(await echo.client.adapt(respmod(PAGE)))).equals(PAGE)).toBe(true);
  });
});
