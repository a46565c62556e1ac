// A real browser whose download takes long to scan: Chromium shows the patience page, with scripts and
// without, and saves the verified file in the end.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import axe, { type AxeResults } from 'axe-core';
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Download,
  type Page,
} from 'playwright-core';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { requirePeer } from '../../support/peers/requirePeer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { trustInChromium } from '../../support/trustInChromium.ts';
import { FILE, type Lab, type Scan, startLab } from './lab.ts';

const START_LIMIT_MS = 60_000;
const SCREENS = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } } as const;

describeWithPeer('chromium', () => {
  let lab: Lab;
  let browser: Browser;
  let home: TempDir;

  beforeAll(async () => {
    lab = await startLab({}, {}, { tls: true });
    home = await tempDir('weir-chromium-');
    browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      proxy: { server: `http://127.0.0.1:${lab.weir.proxyPort}` },
      args: ['--no-sandbox', '--disable-dev-shm-usage', ...(await trustInChromium(lab.weir, home))],
      env: { ...process.env, HOME: home.path },
    });
  }, START_LIMIT_MS);
  afterAll(async () => {
    await browser?.close();
    await lab?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  async function onPage(options: BrowserContextOptions, visit: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options);
    try {
      await visit(await context.newPage());
    } finally {
      await context.close();
    }
  }

  /** The scans of that path; the browser asks for an icon too. */
  const scansOf = (path: string): Scan[] => lab.scans.filter(({ request }) => request.includes(`${path} `));
  const fetchesOf = (path: string): number => lab.origin.requests.filter(({ url }) => url === path).length;

  async function expectFile(download: Download): Promise<void> {
    expect(download.suggestedFilename()).toBe('tool.bin');
    expect((await readFile(await download.path())).equals(FILE)).toBe(true);
  }

  test('a download shows progress, survives a reload, and is saved: one scan, one fetch', () =>
    onPage({ viewport: SCREENS.wide }, async (page) => {
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.text().includes('favicon')) problems.push(message.text());
      });
      await page.goto(lab.url('/scripted.bin'));
      expect(await page.textContent('h1')).toBe('Being inspected');
      expect(await page.getByRole('status').textContent()).toContain('the inspection is running');
      await page.locator('#elapsed', { hasText: /[1-9]/ }).waitFor(); // the script runs

      await page.evaluate(axe.source);
      const { violations } = await page.evaluate<AxeResults>('axe.run()');
      expect(violations.map(({ id, help }) => `${id}: ${help}`)).toEqual([]);
      const folder = process.env['WEIR_SCREENSHOTS'];
      for (const [name, size] of Object.entries(SCREENS)) {
        await page.setViewportSize(size);
        const width = await page.evaluate('document.documentElement.scrollWidth');
        expect(width).toBeLessThanOrEqual(size.width);
        if (folder !== undefined) await page.screenshot({ path: `${folder}/patience-${name}.png` });
      }

      await page.reload();
      expect(await page.textContent('h1')).toBe('Being inspected');
      const saved = page.waitForEvent('download');
      scansOf('/scripted.bin')[0]!.clean();
      await expectFile(await saved);
      expect(await page.getByRole('status').textContent()).toContain('The inspection is over');
      expect(await page.textContent('h1')).toBe('Inspected');
      if (folder !== undefined) await page.screenshot({ path: `${folder}/patience-ready.png` });
      expect(scansOf('/scripted.bin')).toHaveLength(1);
      expect(fetchesOf('/scripted.bin')).toBe(1);
      expect(problems).toEqual([]);
    }));

  test('without scripts the page reloads itself, and the download is saved', () =>
    onPage({ javaScriptEnabled: false }, async (page) => {
      await page.goto(lab.url('/plain.bin'));
      const saved = page.waitForEvent('download');
      scansOf('/plain.bin')[0]!.clean();
      await expectFile(await saved);
      expect(fetchesOf('/plain.bin')).toBe(1);
    }));

  test('a page opens at its own address when it is verified, and a blocked one shows why', () =>
    onPage({}, async (page) => {
      await page.goto(lab.url('/page.html'));
      scansOf('/page.html')[0]!.clean();
      await page.waitForSelector('text=Verified');
      expect(await page.title()).toBe('verified');
      await page.goto(lab.url('/evil.bin'));
      scansOf('/evil.bin')[0]!.block();
      await page.waitForSelector('text=blocked');
    }));

  test('a link with `download` never saves the page in place of the file', () =>
    onPage({}, async (page) => {
      await page.goto(lab.url('/page.html?linked'));
      scansOf('/page.html?linked')[0]!.clean();
      await page.waitForSelector('text=Verified');
      const saved = page.waitForEvent('download');
      await page.evaluate(
        "document.body.append(Object.assign(document.createElement('a'), { id: 'file', href: '/linked.bin', download: '', textContent: 'file' }))",
      );
      await page.click('#file');
      while (scansOf('/linked.bin').length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      const download = await saved;
      scansOf('/linked.bin')[0]!.clean();
      await expectFile(download);
    }));
});
