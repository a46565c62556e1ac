// A real browser behind the proxy: Chromium shows an intercepted page without a certificate error, and the
// UserCheck page instead of malware.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { trustInChromium } from '../support/trustInChromium.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

const START_LIMIT_MS = 60_000;

describeWithPeer('chromium', () => {
  let weir: TestWeir;
  let origin: OriginServer;
  let home: TempDir;
  let browser: Browser;
  const url = (path: string): string => `https://www.origin.test:${origin.port}${path}`;

  beforeAll(async () => {
    weir = await startTestWeir();
    origin = await originServer(
      (request, response) => {
        if (request.url === '/script.js') return void response.end('document.title = "script ran"');
        if (request.url === '/eicar.com') {
          const headers = { 'Content-Type': 'application/octet-stream', 'Content-Disposition': 'attachment' };
          return void response.writeHead(200, headers).end(eicar());
        }
        if (request.url !== '/') return void response.writeHead(404).end();
        response.setHeader('Content-Type', 'text/html');
        response.end('<title>plain</title><h1>Hello, inspected</h1><script src="/script.js"></script>');
      },
      { tls: true },
    );
    home = await tempDir('weir-chromium-');
    browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      proxy: { server: `http://127.0.0.1:${weir.proxyPort}` },
      args: ['--no-sandbox', '--disable-dev-shm-usage', ...(await trustInChromium(weir, home))],
      env: { ...process.env, HOME: home.path },
    });
  }, START_LIMIT_MS);
  afterAll(async () => {
    await browser?.close();
    await weir?.[Symbol.asyncDispose]();
    await origin?.close();
    await home?.[Symbol.asyncDispose]();
  });

  async function onPage(visit: (page: Page) => Promise<void>): Promise<void> {
    const page = await browser.newPage();
    try {
      await visit(page);
    } finally {
      await page.close();
    }
  }

  test('a page from an https origin loads, with its script, under a certificate of the Weir CA', () =>
    onPage(async (page) => {
      const response = await page.goto(url('/'));
      expect(response!.status()).toBe(200);
      await page.waitForFunction('document.title === "script ran"');
      expect(await page.textContent('h1')).toBe('Hello, inspected');
      const security = await response!.securityDetails();
      expect(security!.issuer).toMatch(/^Weir CA, /);
      expect(security!.protocol).toBe('TLS 1.3');
      const [record] = await weir.logged((it) => it.kind === 'proxy' && it.url === url('/'));
      expect(record).toMatchObject({ verdict: 'allowed', tls: { action: 'bump', sni: 'www.origin.test' } });
    }));

  test('a download of malware shows the UserCheck page with the incident id of the log', () =>
    onPage(async (page) => {
      const response = await page.goto(url('/eicar.com'));
      expect(response!.status()).toBe(403);
      const text = await page.innerText('body');
      const [record] = await weir.logged((it) => it.kind === 'proxy' && it.url === url('/eicar.com'));
      expect(text).toContain('EICAR-Test-File');
      expect(text).toContain(record!.incident!);
      // The style is allowed by hash alone: an unstyled page would be left-aligned in a serif face.
      const font = await page.evaluate('getComputedStyle(document.body).fontFamily');
      expect(font).toMatch(/sans-serif|system-ui/);
      const folder = process.env['WEIR_SCREENSHOTS'];
      if (folder !== undefined) await page.screenshot({ path: `${folder}/block-page.png` });
    }));

  test('a script on a page is refused as the page itself would be', () =>
    onPage(async (page) => {
      await page.goto(url('/'));
      const status = await page.evaluate(`fetch(${JSON.stringify(url('/eicar.com'))}).then((r) => r.status)`);
      expect(status).toBe(403);
    }));
});
