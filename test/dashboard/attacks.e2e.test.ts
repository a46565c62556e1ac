// What peers send, shown by the dashboard in a real browser: markup in a URL, a header, a file name, the name of
// a virus, an ICAP header and a configuration runs nowhere, loads nothing, and stays text.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { optionsAnswer, scriptedIcap, type ScriptedIcap } from '../icap/client/scripted-icap.ts';
import type { OriginServer } from '../support/originServer.ts';
import { originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

const MARKUP = '<img src=http://leak.test/x onerror=globalThis.ran=1><script>globalThis.ran=1</script>';
const PAGE_HEAD = 'HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n';
const BLOCKED =
  `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nX-Infection-Found: Type=0; Resolution=2; Threat=${MARKUP};\r\n` +
  `X-Note: ${MARKUP}\r\nEncapsulated: res-hdr=0, res-body=${PAGE_HEAD.length}\r\n\r\n${PAGE_HEAD}` +
  `${Buffer.byteLength(MARKUP).toString(16)}\r\n${MARKUP}\r\n0\r\n\r\n`;
const START_LIMIT_MS = 60_000;

describeWithPeer('chromium', () => {
  let icap: ScriptedIcap;
  let origin: OriginServer;
  let weir: LocalWeir;
  let browser: Browser;
  let page: Page;
  const foreign: string[] = [];

  beforeAll(async () => {
    icap = await scriptedIcap((peer) => peer.send(BLOCKED), {
      options: () => optionsAnswer(['Preview: 4', `Service: ${MARKUP}`]),
    });
    origin = await originServer((_, response) => {
      response.setHeader('Content-Disposition', `attachment; filename="${MARKUP.replaceAll('"', '')}"`);
      response.setHeader('X-Hostile', MARKUP);
      response.end(MARKUP);
    });
    const services = { scan: { url: `icap://127.0.0.1:${icap.port}/scan` } };
    weir = await startTestWeir({
      adaptation: { services, rules: [{ point: 'respmod', use: ['scan'] }] },
      capture: { enabled: true },
    });
    const url = `${origin.url}/${encodeURI(MARKUP)}?q=${MARKUP.replaceAll(' ', '+')}`;
    await weir.curl('--globoff', '-H', `X-Hostile: ${MARKUP}`, '-A', MARKUP, url);
    const executablePath = requirePeer('chromium');
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    page = await browser.newPage();
    const { address, token } = weir.weir.dashboard!;
    page.on('request', (request) => {
      const { host, hostname } = new URL(request.url());
      if (host !== address && hostname !== 'weir.local') foreign.push(request.url());
    });
    page.on('dialog', (dialog) => {
      foreign.push(dialog.message());
      void dialog.dismiss();
    });
    await page.goto(`http://${address}/?token=${token}`);
  }, START_LIMIT_MS);

  afterAll(async () => {
    await browser?.close();
    await weir?.[Symbol.asyncDispose]();
    await icap?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
  });

  describe('markup that peers have sent', () => {
    test('is text in the list, in the transaction and on every other page', async () => {
      const { address, token } = weir.weir.dashboard!;
      const answer = await fetch(`http://${address}/api/transactions`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { items } = (await answer.json()) as { items: { id: string; threat: string }[] };
      expect(items[0]!.threat).toContain('<img');
      for (const place of ['live', `transaction/${items[0]!.id}`, 'services', 'policy', 'threats', 'trust']) {
        await page.goto('about:blank');
        await page.goto(`http://${address}/#/${place}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        if (place === 'live') await page.getByText('onerror').first().waitFor();
        expect(await page.evaluate("'ran' in globalThis")).toBe(false);
        expect(await page.locator('img[onerror], script:not([src])').count()).toBe(0);
      }
      expect(foreign).toEqual([]);
    });

    test('runs nowhere either where a browser opens the answers of the API themselves', async () => {
      const { address } = weir.weir.dashboard!;
      for (const path of ['/api/transactions', '/api/services', `/${encodeURIComponent(MARKUP)}`]) {
        await page.goto(`http://${address}${path}`);
        expect(await page.evaluate("'ran' in globalThis")).toBe(false);
      }
      expect(foreign).toEqual([]);
    });
  });
});
