// What peers send, shown by the dashboard in a real browser: markup in a URL, a header, a file name, the name of
// a virus, an ICAP header, a certificate and a configuration runs nowhere, loads nothing, and stays text.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { optionsAnswer, scriptedIcap, type ScriptedIcap } from '../icap/client/scripted-icap.ts';
import type { OriginServer } from '../support/originServer.ts';
import { originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import type { LocalWeir } from '../support/weir.ts';
import { newTestCa } from '../support/testCa.ts';
import { startTestWeir } from '../support/weir.ts';

const MARKUP = '<img src=http://leak.test/x onerror=globalThis.ran=1><script>globalThis.ran=1</script>';
/** For names of certificates, which have 64 characters. */
const SHORT_MARKUP = '<img src=x onerror=globalThis.ran=1>';
const PAGE_HEAD = 'HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n';
const BLOCKED =
  `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nX-Infection-Found: Type=0; Resolution=2; Threat=${MARKUP};\r\n` +
  `X-Note: ${MARKUP}\r\nEncapsulated: res-hdr=0, res-body=${PAGE_HEAD.length}\r\n\r\n${PAGE_HEAD}` +
  `${Buffer.byteLength(MARKUP).toString(16)}\r\n${MARKUP}\r\n0\r\n\r\n`;
const START_LIMIT_MS = 60_000;

describeWithPeer('chromium', () => {
  let icap: ScriptedIcap;
  let origin: OriginServer;
  let untrusted: OriginServer;
  let misnamed: OriginServer;
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
    const ca = await newTestCa(SHORT_MARKUP);
    untrusted = await originServer((_, response) => response.end(), { tls: true, ca });
    misnamed = await originServer((_, response) => response.end(), { tls: true, names: [SHORT_MARKUP] });
    const services = { scan: { url: `icap://127.0.0.1:${icap.port}/scan` } };
    weir = await startTestWeir({
      adaptation: { services, rules: [{ point: 'respmod', use: ['scan'] }] },
      capture: { enabled: true },
    });
    const url = `${origin.url}/${encodeURI(MARKUP)}?q=${MARKUP.replaceAll(' ', '+')}`;
    await weir.curl('--globoff', '-H', `X-Hostile: ${MARKUP}`, '-A', MARKUP, url);
    await weir.curl('--output', '/dev/null', untrusted.url, misnamed.url);
    const executablePath = requirePeer('chromium');
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    page = await browser.newPage();
    const { address, token } = weir.weir.dashboard!;
    page.on('request', (request) => {
      const { host, hostname } = new URL(request.url());
      if (host !== address && hostname !== 'weir.local') foreign.push(request.url());
    });
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) foreign.push(message.text());
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
    await untrusted?.[Symbol.asyncDispose]();
    await misnamed?.[Symbol.asyncDispose]();
  });

  describe('markup that peers have sent', () => {
    test('is text in the list, in the transaction and on every other page', async () => {
      const { address, token } = weir.weir.dashboard!;
      const answer = await fetch(`http://${address}/api/transactions`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { items } = (await answer.json()) as { items: { id: string; threat: string | null }[] };
      expect(items.some(({ threat }) => threat?.includes('<img'))).toBe(true);
      expect(items.length).toBeGreaterThanOrEqual(3);
      const transactions = items.map(({ id }) => `transaction/${id}`);
      for (const place of ['live', ...transactions, 'services', 'policy', 'threats', 'trust']) {
        await page.goto('about:blank');
        await page.goto(`http://${address}/#/${place}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        if (place === 'live') await page.getByText('onerror').first().waitFor();
        expect(await page.evaluate("'ran' in globalThis")).toBe(false);
        expect(await page.locator('img[onerror], script:not([src])').count()).toBe(0);
      }
      expect(foreign).toEqual([]);
    });

    test('is text in the names of a certificate that is not accepted', async () => {
      const { address, token } = weir.weir.dashboard!;
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`http://${address}/api/transactions`, { headers });
      const { items } = (await answer.json()) as { items: { id: string; url: string }[] };
      const ports = [untrusted.port, misnamed.port].map(String);
      const refused = items.filter(({ url }) => URL.canParse(url) && ports.includes(new URL(url).port));
      expect(refused).toHaveLength(2);
      let told = '';
      for (const { id } of refused) {
        await page.goto('about:blank');
        await page.goto(`http://${address}/#/transaction/${id}`);
        await page
          .getByText(/certificate/i)
          .first()
          .waitFor();
        told += await page.locator('main').innerText();
        expect(await page.evaluate("'ran' in globalThis")).toBe(false);
        expect(await page.locator('img[onerror]').count()).toBe(0);
      }
      expect(told).toContain('<img');
      expect(foreign).toEqual([]);
    });

    test('is kept as it came in the fields of OPTIONS', async () => {
      const { address, token } = weir.weir.dashboard!;
      const headers = { authorization: `Bearer ${token}` };
      const { services } = (await (await fetch(`http://${address}/api/services`, { headers })).json()) as {
        services: { optionsReceived: [string, string][] }[];
      };
      expect(services[0]!.optionsReceived).toContainEqual(['Service', MARKUP]);
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
