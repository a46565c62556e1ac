// A real browser at the page with which a user continues: accessible, in its language, and one form away from the
// download. With WEIR_SCREENSHOTS=folder the pages are kept as pictures.

import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { eicar } from '../../support/eicar.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { requirePeer } from '../../support/peers/requirePeer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';

const TEMPLATE = `<!doctype html>
<html lang="{{language}}" dir="{{direction}}"><head><meta charset="utf-8"><title>{{title}} – {{brand}}</title>{{style}}</head>
<body class="block"><div class="page"><header class="brand">{{logo}}</header><main><h1>{{title}}</h1>
<p class="lead">{{lead}}</p>{{continue}}{{details}}</main></div></body></html>`;
const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><rect width="120" height="40" fill="#063"/></svg>';

describeWithPeer('chromium', () => {
  let weir: LocalWeir;
  let origin: OriginServer;
  let home: TempDir;
  let browser: Browser;

  const settings = (action: string, templates: string | null) => ({
    profiles: { optimized: { action, remember: '2h' } },
    usercheck: { folder: home.join('grants'), templates },
  });

  beforeAll(async () => {
    home = await tempDir('weir-chromium-');
    await home.write('block.html', TEMPLATE);
    await home.write('logo.svg', LOGO);
    await home.write(
      'style.css',
      ':root{--block:#5b2a86}@media (prefers-color-scheme:dark){:root{--block:#d9b8ff}}',
    );
    // Also the text of a page: the browser shows it, and the bait is found in it.
    origin = await originServer(
      (request, response) => {
        response.setHeader('Content-Type', 'text/html');
        const { url = '' } = request;
        const bait = url.startsWith('/bait') ? `${url} ${eicar().toString()}` : '';
        response.end(`<title>arrived</title><p>${bait}</p>`);
      },
      { tls: true },
    );
    weir = await startTestWeir({ ...settings('ask', null), plugins: [{ use: await bladeFile() }] });
    browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      proxy: { server: `http://127.0.0.1:${weir.proxyPort}` },
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      env: { ...process.env, HOME: home.path },
    });
  }, 60_000);

  /** A blade for what a browser shows: the anti-virus engine finds its bait in files only. */
  async function bladeFile(): Promise<string> {
    return home.write(
      'blade.mjs',
      `export default { [Symbol.for('weir.plugin')]: 1, name: 'bait', version: '1.0.0', setup(context) {
         context.blade({ name: 'antivirus', judges: 'content', inspect({ body }) {
           if (!body?.memory?.includes('EICAR-STANDARD')) return { kind: 'allow' };
           return { kind: 'block', threat: 'EICAR-Test-File', severity: 'high', reason: 'found in the page' };
         } });
       } };`,
    );
  }

  afterAll(async () => {
    await browser?.close();
    await weir?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  async function inspected(page: Page, name: string): Promise<void> {
    const folder = process.env['WEIR_SCREENSHOTS'];
    if (folder !== undefined)
      await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  }

  const url = (host: string): string => `https://${host}.origin.test:${origin.port}/bait/${host}?x=1`;

  test('a user is asked, gives a reason, and arrives', async () => {
    const page = await browser.newPage({ colorScheme: 'light', ignoreHTTPSErrors: true });
    expect((await page.goto(url('one')))!.status()).toBe(403);
    await inspected(page, 'ask-light');
    await page.click('button');
    expect(await page.evaluate<boolean>("document.querySelector('textarea').matches(':invalid')")).toBe(true);
    await page.getByLabel('Your reason').fill('The <lab> needs "it"');
    await page.click('button');
    await page.waitForURL(url('one'));
    expect(await page.title()).toBe('arrived');
    const [line] = await weir.logged(({ msg }) => msg === 'a user continued past a block');
    expect(line!['reason']).toBe('The <lab> needs "it"');
    await page.close();
  });

  test('in the dark, in German, with the look of the house, one click is enough', async () => {
    await weir.reload({ ...settings('inform', home.path), plugins: [{ use: home.join('blade.mjs') }] });
    const context = await browser.newContext({
      colorScheme: 'dark',
      ignoreHTTPSErrors: true,
      locale: 'de-DE',
      viewport: { width: 400, height: 800 },
    });
    const page = await context.newPage();
    const answer = await page.goto(url('two'));
    expect(answer!.status()).toBe(403);
    await inspected(page, 'inform-dark-branded');
    expect(await page.getAttribute('html', 'lang')).toBe('de');
    expect(
      await page
        .locator('img.logo')
        .evaluate((it) => (it as unknown as { naturalWidth: number }).naturalWidth),
    ).toBe(120);
    await page.getByRole('button', { name: 'Fortfahren' }).click();
    await page.waitForURL(url('two'));
    expect(await page.title()).toBe('arrived');
    await context.close();
  });

  test('no script of a site can answer the page for its user', async () => {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(`https://three.origin.test:${origin.port}/`);
    const attempt = `(async () => {
      const text = await (await fetch('/bait/three', { headers: { Accept: 'text/html' } })).text();
      return text.includes('weir-usercheck');
    })()`;
    expect(await page.evaluate<boolean>(attempt)).toBe(false);
    await page.close();
  });
});
