// The dashboard's pages in a real browser, against a running Weir with real traffic: what each page shows, what
// can be done with it, that anybody can read it, and that it stays quick under load.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { seriousViolations } from './accessible.ts';
import { loadCases } from './load-cases.ts';
import { policyCases } from './policy-cases.ts';
import { NARROW, WIDE } from './sizes.ts';
import { type Stage, startStage } from './stage.ts';

const START_LIMIT_MS = 60_000;
const LOOK_LIMIT_MS = 6000;
const PAGES = ['live', 'transaction', 'services', 'policy', 'threats', 'trust'] as const;

describeWithPeer(['chromium'], () => {
  let stage: Stage;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    stage = await startStage();
    await stage.traffic();
    browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    page = await browser.newPage({ viewport: WIDE, reducedMotion: 'reduce' });
    page.setDefaultTimeout(LOOK_LIMIT_MS);
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) problems.push(message.text());
    });
  }, START_LIMIT_MS);
  afterAll(async () => {
    await browser?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  const open = async (hash: string): Promise<void> => {
    await page.goto('about:blank');
    await page.goto(`${stage.origin}/${hash}`);
  };
  const heading = (name: string): Locator => page.getByRole('heading', { name, exact: true, level: 1 });
  const row = (text: string): Locator => page.locator('.virtual-row', { hasText: text }).first();

  const accessible = (what?: 'all' | 'colours'): Promise<string[]> => seriousViolations(page, what);

  test('asks for the token, refuses a wrong one, and lets the right one in without keeping it', async () => {
    await open('');
    await page.getByLabel('Token').fill('not-the-token-of-this-weir-at-all');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    expect(await accessible()).toEqual([]);
    await page.getByLabel('Token').fill(stage.weir.weir.dashboard!.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await heading('Live').waitFor();
    expect(page.url()).not.toContain('token');
    expect(
      await page.evaluate('document.cookie + JSON.stringify({ ...sessionStorage, ...localStorage })'),
    ).toBe('{}');
  });

  test('the address that Weir prints signs in at once', async () => {
    const other = await browser.newPage();
    await other.goto(stage.signIn);
    await other.getByRole('heading', { name: 'Live' }).waitFor();
    expect(other.url()).not.toContain('token');
    await other.close();
  });

  describe('Live', () => {
    test('shows transactions as they happen', async () => {
      await open('#/live');
      await row('/eicar.com').waitFor();
      const name = `/news?${Date.now()}`;
      await stage.weir.curl(`https://localhost:${stage.secure.port}${name}`);
      await row(name).waitFor();
      expect(await row(name).textContent()).toContain('Allowed');
    });

    test('keeps the filter in the URL, where a reload finds it', async () => {
      await open('#/live');
      await page.getByRole('button', { name: 'Blocked' }).click();
      await row('EICAR-Test-File').waitFor();
      await page.getByLabel('Search URL').fill('eicar');
      await page.waitForURL(/verdict=blocked.*q=eicar|q=eicar.*verdict=blocked/);
      await page.reload();
      await row('EICAR-Test-File').waitFor();
      const verdicts = await page.locator('.virtual-row .verdict').allTextContents();
      expect(new Set(verdicts)).toEqual(new Set(['Blocked']));
      expect(await page.getByRole('button', { name: 'Blocked' }).getAttribute('aria-pressed')).toBe('true');
    });

    test('says so where nothing fits the filter, and how to get out of it', async () => {
      await open('#/live?q=nothing-of-this-name');
      await page.getByText('No transaction fits this filter').waitFor();
      await page.locator('.empty').getByRole('link', { name: 'Clear filters' }).click();
      await row('/eicar.com').waitFor();
    });

    test('stands still while paused, counts what waits, and shows it afterwards', async () => {
      await open('#/live');
      await row('/eicar.com').waitFor();
      await page.keyboard.press(' ');
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      const name = `/later?${Date.now()}`;
      await stage.weir.curl(`https://localhost:${stage.secure.port}${name}`);
      const waiting = page.getByRole('button', { name: /^Show \d+ new$/ });
      await waiting.waitFor();
      expect(await row(name).count()).toBe(0);
      await waiting.click();
      await row(name).waitFor();
    });

    test('can be used with the keyboard alone', async () => {
      await open('#/live?verdict=blocked');
      await row('EICAR-Test-File').waitFor();
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'The six steps' }).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
      await page.keyboard.press('Escape');
      await page.keyboard.press('g');
      await page.keyboard.press('s');
      await heading('Services').waitFor();
    });
  });

  describe('Transaction', () => {
    const openBlocked = async (): Promise<void> => {
      await open('#/live?verdict=blocked&q=eicar.com');
      await row('/eicar.com').locator('a').click();
      await page.getByRole('heading', { name: 'The six steps' }).waitFor();
    };

    test('draws the six steps with what was seen at each', async () => {
      await openBlocked();
      const steps = await page.locator('.step').allTextContents();
      expect(steps).toHaveLength(6);
      expect(steps[0]).toContain('127.0.0.1');
      expect(steps[1]).toContain('bump');
      expect(steps[2]).toContain('preview of');
      expect(steps[3]).toContain('sandblast');
      expect(steps[4]).toContain('EICAR-Test-File');
      expect(steps[5]).toContain('Stopped here');
      expect(await page.locator('.step').nth(4).getAttribute('class')).toContain('stopped');
      expect(await page.locator('.waterfall li').count()).toBeGreaterThanOrEqual(3);
      expect(await page.locator('.story').textContent()).toContain('EICAR');
    });

    test('shows both ICAP messages and explains their lines', async () => {
      await openBlocked();
      await page.getByRole('tab', { name: 'ICAP' }).click();
      const lines = page.getByRole('list', { name: 'ICAP request' });
      await lines.first().waitFor();
      const all = (await lines.allTextContents()).join('\n');
      expect(all).toMatch(/RESPMOD icap:\/\/127\.0\.0\.1:\d+\/sandblast ICAP\/1\.0/);
      const encapsulated = page.locator('.explained', { hasText: 'Encapsulated:' }).first();
      await encapsulated.locator('summary').click();
      expect(await encapsulated.locator('.explanation').isVisible()).toBe(true);
      expect(await page.locator('.parts').first().textContent()).toContain('head of the HTTP request');
      await page.waitForURL(/tab=icap/);
    });

    test('shows what each blade said of a download that was allowed', async () => {
      await open('#/live?q=prices.json');
      await row('/api/prices.json').locator('a').click();
      for (const tab of ['ICAP', 'Findings']) {
        await page.getByRole('tab', { name: tab }).click();
        const blades = page.getByRole('table', { name: 'What the blades said' }).last();
        expect(await blades.locator('tbody tr').first().innerText()).toMatch(
          /^antivirus\s+allow\s+[\d.]+ ms$/,
        );
      }
    });

    test('shows the bytes that were on the wire, part by part', async () => {
      await openBlocked();
      await page.getByRole('tab', { name: 'ICAP' }).click();
      const wire = page.locator('.wire');
      await wire.first().waitFor();
      const kinds = await wire
        .nth(2)
        .locator('.wire-part')
        .evaluateAll((parts) => parts.map((part) => part.classList[1]));
      expect(kinds).toEqual(['head', 'http', 'http', 'size', 'data', 'end'].map((kind) => `wire-${kind}`));
      expect(await wire.nth(2).textContent()).toContain('44\\r\\n'); // 68 bytes
      expect(await wire.nth(2).textContent()).toContain('0; ieof\\r\\n');
      expect(await wire.nth(3).textContent()).toContain('ICAP/1.0 200 OK');
    });

    test('shows bodies as what they are', async () => {
      await open('#/live?q=prices.json');
      await row('/api/prices.json').locator('a').click();
      await page.getByRole('tab', { name: 'Request and response' }).click();
      await page.getByText('3.5', { exact: true }).waitFor();
      await open('#/live?q=logo.png');
      await row('/logo.png').locator('a').click();
      await page.getByRole('tab', { name: 'Request and response' }).click();
      const width = await page
        .getByAltText('The image in the body')
        .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
      expect(width).toBe(32);
    });

    test('gives it away as HAR and as curl', async () => {
      await openBlocked();
      const saved = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Save as HAR' }).click();
      const har = JSON.parse(await readFile(await (await saved).path(), 'utf8')) as {
        log: { entries: { request: { url: string } }[] };
      };
      expect(har.log.entries[0]!.request.url).toContain('/eicar.com');
      await page.getByRole('button', { name: 'Repeat it' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.locator('code').first().waitFor();
      expect(await dialog.locator('code').allTextContents()).toEqual(
        expect.arrayContaining([expect.stringMatching(/^curl /), expect.stringMatching(/^weir why W-/)]),
      );
    });

    test('replays it through another profile and says what differs', async () => {
      await openBlocked();
      await page.getByRole('button', { name: 'Repeat it' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('combobox').selectOption('strict');
      await dialog.getByRole('button', { name: 'Replay' }).click();
      await dialog.getByText('The outcome is the same.').waitFor();
      const rows = await dialog.locator('tbody tr').allTextContents();
      expect(rows).toEqual([expect.stringMatching(/^then.*EICAR/), expect.stringMatching(/^now.*EICAR/)]);
      expect(await accessible()).toEqual([]);
    });

    test('is accessible in each of its parts, and fits a phone', async () => {
      await openBlocked();
      for (const name of ['Overview', 'Request and response', 'ICAP', 'Findings', 'Raw record']) {
        await page.getByRole('tab', { name }).click();
        expect(await accessible()).toEqual([]);
        await page.setViewportSize(NARROW);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(NARROW.width);
        await page.setViewportSize(WIDE);
      }
    });

    test('says what to do about an id that nobody knows', async () => {
      await open('#/transaction/W-1KYSNCG0GCA5N');
      await page.getByRole('alert').waitFor();
      expect(await page.getByRole('alert').textContent()).not.toBe('');
    });
  });

  describe('Services', () => {
    test('tells state, times and OPTIONS of each service', async () => {
      await open('#/services');
      const panel = page.locator('.panel', { has: page.getByRole('heading', { name: /^sandblast/ }) });
      await panel.waitFor();
      expect(await panel.textContent()).toContain('closed: it is asked');
      await panel.getByRole('img', { name: /Times of sandblast/ }).waitFor();
      await panel.getByText('What it offers (OPTIONS)').click();
      expect(await panel.textContent()).toContain('REQMOD, RESPMOD');
    });

    test('shows the answer to OPTIONS byte for byte', async () => {
      await open('#/services');
      const panel = page.locator('.panel', { has: page.getByRole('heading', { name: /^sandblast/ }) });
      await panel.getByText('OPTIONS as received').click();
      const head = await panel.getByRole('region', { name: 'OPTIONS as received' }).textContent();
      expect(head).toMatch(/^ICAP\/1\.0 200 OK\\r\\n\n(?:[\w-]+: .*\\r\\n\n)+\\r\\n\n$/);
    });

    test('runs the doctor and shows what it finds while it does', async () => {
      await open('#/services');
      const panel = page.locator('.panel', { has: page.getByRole('heading', { name: /^sandblast/ }) });
      await panel.getByRole('button', { name: 'Run doctor' }).click();
      await panel.getByRole('progressbar').waitFor();
      await panel.getByText(/^\d+ of \d+ · /).waitFor();
      await panel.getByRole('region', { name: 'Findings' }).locator('tbody tr').nth(4).waitFor();
      await page.reload(); // what it has found stays
      await panel.getByRole('region', { name: 'Findings' }).locator('tbody tr').nth(4).waitFor();
    });
  });

  describe('Policy', () => policyCases(() => ({ page, stage, open, accessible })));

  describe('Threats', () => {
    test('counts what was blocked and what could not be looked at', async () => {
      await open('#/threats');
      await page.getByRole('img', { name: 'Coverage over time' }).waitFor();
      const panel = page.locator('.panel', {
        has: page.getByRole('heading', { name: 'Coverage over time' }),
      });
      expect(await panel.textContent()).toMatch(/Blocked [1-9]/);
      expect(await panel.textContent()).toContain('Not scanned, by reason');
    });

    test('lists incidents, each with a link to its transaction', async () => {
      await open('#/threats');
      const incident = page.getByRole('row', { name: /localhost.*eicar\.com/ });
      expect(await incident.first().textContent()).toContain('EICAR-Test-File');
      await incident.first().getByRole('link').click();
      await page.getByRole('heading', { name: 'The six steps' }).waitFor();
    });

    test('lets content out of the quarantine for a reason, after which it passes', async () => {
      await open('#/threats?tab=quarantine');
      const item = page.getByRole('row', { name: /eicar\.com/ });
      await item.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog', { name: 'Delete' }).getByRole('button', { name: 'Cancel' }).click();
      await item.getByRole('button', { name: 'Release' }).click();
      const dialog = page.getByRole('dialog', { name: 'Release' });
      await dialog.getByLabel('Reason').fill('a harmless test file');
      await dialog.getByRole('button', { name: 'Release' }).click();
      await item.getByRole('button', { name: 'Released' }).waitFor();
      // The gateway reads releases of others from their journal, every now and then.
      const giveUpAt = Date.now() + LOOK_LIMIT_MS;
      let status = 0;
      while (status !== 200 && Date.now() < giveUpAt) {
        ({ status } = await stage.weir.curl(`https://localhost:${stage.secure.port}/eicar.com`));
      }
      expect(status).toBe(200);
    });
  });

  describe('Trust', () => {
    test('shows the CA as it is', async () => {
      await open('#/trust');
      await page.getByText(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/).waitFor();
      await page.getByRole('tab', { name: 'Linux' }).waitFor();
    });

    test.each([
      ['elsewhere', false, false],
      ['untrusted', true, false],
      ['trusted', true, true],
    ] as const)('a browser that is %s is told so', async (state, throughProxy, trusting) => {
      const proxy = { server: `http://127.0.0.1:${stage.weir.proxyPort}`, bypass: '127.0.0.1' };
      const context = await browser.newContext({
        ignoreHTTPSErrors: trusting,
        ...(throughProxy ? { proxy } : {}),
      });
      const visitor = await context.newPage();
      await visitor.goto(stage.signIn);
      await visitor.goto(`${stage.origin}/#/trust`);
      await visitor.getByRole('button', { name: 'Test this browser' }).click();
      await visitor.locator(`[data-state=${state}]`).waitFor();
      await context.close();
    });
  });

  test.each(PAGES)('the page %s is accessible in both colours, and fits a phone', async (name) => {
    await page.setViewportSize(WIDE);
    await open(`#/${name}`);
    await page.locator('main .panel').first().waitFor();
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await accessible()).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await accessible('colours')).toEqual([]);
    await page.setViewportSize(NARROW);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(NARROW.width);
    await page.setViewportSize(WIDE);
  });

  loadCases(() => ({ page, stage, open }));

  test('nothing of all that broke the Content-Security-Policy or threw in the page', () => {
    expect(problems).toEqual([]);
  });
});
