// A real browser at sites whose certificates cannot be verified: Chromium goes on from our page, and warns by
// itself where the certificate is mirrored. With WEIR_SCREENSHOTS=folder the pages are kept as pictures.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { requirePeer } from '../../support/peers/requirePeer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { trustInChromium } from '../../support/trustInChromium.ts';
import { startTestWeir, type TestWeir } from '../../support/weir.ts';
import { makeCertificate } from './pki.ts';

describeWithPeer('chromium', () => {
  let weir: TestWeir;
  let server: Server;
  let home: TempDir;
  let browser: Browser;
  const url = (host: string): string => `https://${host}:${(server.address() as AddressInfo).port}/page?a=1`;

  beforeAll(async () => {
    const root = makeCertificate({ subject: 'Trusted Root', ca: true, to: 30 });
    const names = ['warn.test', 'mirror.test'];
    const { key, cert } = makeCertificate({ subject: 'warn.test', names, issuer: root, from: -40, to: -2 });
    server = createServer({ key, cert }, (request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(`<title>arrived</title><p>${request.url!} ${request.headers.cookie ?? 'no cookie'}</p>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    home = await tempDir('weir-chromium-');
    await writeFile(home.join('root.pem'), root.cert);
    weir = await startTestWeir({
      proxy: {
        upstream: {
          trust: [home.join('root.pem')],
          onCertError: [{ hosts: ['mirror.test'], action: 'mirror' }, 'warn'],
        },
      },
    });
    browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      proxy: { server: `http://127.0.0.1:${weir.proxyPort}` },
      args: ['--no-sandbox', '--disable-dev-shm-usage', ...(await trustInChromium(weir, home))],
      env: { ...process.env, HOME: home.path },
    });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await weir?.[Symbol.asyncDispose]();
    server?.closeAllConnections();
    server?.close();
    await home?.[Symbol.asyncDispose]();
  });

  async function picture(page: Page, name: string): Promise<void> {
    const folder = process.env['WEIR_SCREENSHOTS'];
    if (folder !== undefined)
      await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  }

  test('shows what is wrong, goes on where the user wanted to, and stays there', async () => {
    const page = await browser.newPage();
    const answer = await page.goto(url('warn.test'));
    expect(answer!.status()).toBe(502);
    expect(await page.textContent('main')).toMatch(/It expired on \d{4}-\d\d-\d\d/);
    await picture(page, 'certificate-warn');
    await page.click('button');
    await page.waitForLoadState();
    expect(await page.title()).toBe('arrived');
    expect(await page.textContent('p')).toBe('/page?a=1 no cookie');
    expect((await page.reload())!.status()).toBe(200);
    await page.close();
  });

  test('warns by itself of a mirrored certificate, and gets through where the user insists', async () => {
    const page = await browser.newPage();
    await expect(page.goto(url('mirror.test'))).rejects.toThrow(/ERR_CERT_(AUTHORITY|DATE)_INVALID/);
    await picture(page, 'certificate-mirror');
    await page.close();
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const insisting = await context.newPage();
    expect((await insisting.goto(url('mirror.test')))!.status()).toBe(200);
    expect(await insisting.title()).toBe('arrived');
    await context.close();
  });
});
