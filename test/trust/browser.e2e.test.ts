// A real browser before and after `weir ca trust`: the setup page says how things are, and why.

import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { TrustInstaller } from '../../src/trust/trust.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const SCREENS = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } } as const;
const START_LIMIT_MS = 60_000;

describeWithPeer(['chromium', 'certutil'], () => {
  let weir: LocalWeir;
  let home: TempDir;
  const nss = { kinds: ['nss'], dryRun: false } as const;

  beforeAll(async () => {
    weir = await startTestWeir({ plugins: [] });
    home = await tempDir('weir-chromium-');
  }, START_LIMIT_MS);
  afterAll(async () => {
    await weir?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  const installer = (): TrustInstaller =>
    new TrustInstaller({ platform: 'linux', home: home.path, isRoot: false, env: process.env, root: '' });

  async function inBrowser(visit: (page: Page, browser: Browser) => Promise<void>): Promise<void> {
    const browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      env: { ...process.env, HOME: home.path },
    });
    try {
      const proxy = { server: `http://127.0.0.1:${weir.proxyPort}`, bypass: '127.0.0.1' };
      await visit(await browser.newPage({ viewport: SCREENS.wide, proxy }), browser);
    } finally {
      await browser.close();
    }
  }

  const state = async (page: Page): Promise<string> => {
    const box = page.locator('#check:not([data-state=asking])');
    await box.waitFor();
    return (await box.getAttribute('data-state'))!;
  };

  async function look(page: Page, name: string, schemes: readonly ('light' | 'dark')[]): Promise<void> {
    const folder = process.env['WEIR_SCREENSHOTS'];
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate<AxeResults>('axe.run()');
      expect(violations.map(({ id, help }) => `${colorScheme} ${id}: ${help}`)).toEqual([]);
      for (const [screen, size] of Object.entries(SCREENS)) {
        await page.setViewportSize(size);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(size.width);
        if (folder === undefined) continue;
        await page.screenshot({
          path: `${folder}/setup-${name}-${colorScheme}-${screen}.png`,
          fullPage: true,
        });
      }
    }
  }

  test(
    'the page says no, then yes once the CA is in the store of the browser, and no again without it',
    async () => {
      await inBrowser(async (page, browser) => {
        const problems: string[] = [];
        page.on('console', (message) => {
          if (/Content Security Policy/i.test(message.text())) problems.push(message.text());
        });
        await page.goto('http://weir.local/');
        expect(await state(page)).toBe('untrusted');
        expect(await page.getByRole('status').textContent()).toContain('does not trust its certificate');
        expect(await page.locator('#linux').getAttribute('open')).not.toBeNull();
        expect(await page.locator('#windows').getAttribute('open')).toBeNull();
        await look(page, 'untrusted', ['light', 'dark']);
        const saved = page.waitForEvent('download');
        await page.click('a[href="/ca.pem"] >> nth=0');
        expect((await saved).suggestedFilename()).toBe('weir-ca.pem');
        expect(problems).toEqual([]);

        const without = await browser.newPage();
        await without.goto(`http://127.0.0.1:${weir.weir.dashboard!.port}/setup`);
        expect(await state(without)).toBe('elsewhere');
        expect(await without.getByRole('status').textContent()).toContain('set the proxy first');
      });
      const { results } = await installer().trust([new X509Certificate(weir.ca)], nss);
      expect(results).toMatchObject([{ outcome: 'added' }]);
      await inBrowser(async (page) => {
        await page.goto('http://weir.local/');
        expect(await state(page)).toBe('trusted');
        await look(page, 'trusted', ['light']);
        await page.goto('https://weir.local/');
        expect(await state(page)).toBe('trusted');
        // The same page beside the dashboard asks the proxy's host from another origin.
        await page.goto(`http://127.0.0.1:${weir.weir.dashboard!.port}/setup`);
        expect(await state(page)).toBe('trusted');
      });
      expect((await installer().untrust(nss)).results).toMatchObject([{ outcome: 'removed' }]);
      await inBrowser(async (page) => {
        await page.goto('http://weir.local/');
        expect(await state(page)).toBe('untrusted');
        // A check must not teach the proxy to pass its own host through unread.
        await page.click('#again');
        expect(await state(page)).toBe('untrusted');
      });
    },
    START_LIMIT_MS,
  );
});
