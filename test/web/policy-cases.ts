// The policy page in a browser: rules and profiles changed by forms and as text, and what would happen to a URL.

import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { NARROW, WIDE } from './sizes.ts';
import type { Stage } from './stage.ts';

/** What stands when tests run. */
export interface Console {
  readonly page: Page;
  readonly stage: Stage;
  /** Loads a page of the console anew. */
  open(hash: string): Promise<void>;
  /** What is seriously wrong; `colours`: with contrasts alone. */
  accessible(what?: 'all' | 'colours'): Promise<string[]>;
}

/** Declares the tests. */
export function policyCases(at: () => Console): void {
  test('shows the rules in force and tells what would happen to a URL', async () => {
    const { page, open } = at();
    await open('#/policy');
    await page.getByRole('cell', { name: 'proxy.tls.rules[0]', exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'URL' }).fill('https://127.0.0.1/report.pdf');
    await page.getByRole('button', { name: 'Tell' }).click();
    await page.getByText('It would pass without inspection').waitFor();
  });

  test('changes a rule by a form: what would change is shown before, and the file keeps its comments', async () => {
    const { page, stage, open } = at();
    await open('#/policy');
    await page.getByRole('button', { name: 'Add a TLS rule' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a TLS rule' });
    await dialog.getByLabel('Hosts').fill('form.test, *.form.test');
    await dialog.getByRole('button', { name: 'Show what would change' }).click();
    await dialog.locator('.diff .added', { hasText: 'form.test' }).first().waitFor();
    expect(await readFile(stage.file, 'utf8')).not.toContain('form.test');
    await dialog.getByRole('button', { name: 'Save and reload' }).click();
    await page.getByRole('cell', { name: 'proxy.tls.rules[1]', exact: true }).waitFor();
    expect(await readFile(stage.file, 'utf8')).toMatch(/^# who keeps this file: nobody\n[^]*form\.test/);
    await page.locator('button:focus', { hasText: 'Add a TLS rule' }).waitFor();
    await page.getByRole('button', { name: 'Remove proxy.tls.rules[1]' }).click();
    await page.getByRole('dialog').locator('.diff .removed').first().waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Save and reload' }).click();
    await page.getByRole('cell', { name: 'proxy.tls.rules[1]', exact: true }).waitFor({ state: 'detached' });
    expect(await readFile(stage.file, 'utf8')).not.toContain('form.test');
    // Its button is gone: the focus stays on the page all the same.
    await page.locator('#main:focus').waitFor();
  });

  test('removes a profile of its own, unless something uses it, and no built-in one', async () => {
    const { page, stage, open } = at();
    await open('#/policy');
    const dialog = page.getByRole('dialog');
    const remove = (name: string): Locator =>
      page.getByRole('button', { name: `Remove ${name}`, exact: true });
    for (const [name, base] of [
      ['office', 'strict'],
      ['branch', 'office'],
    ] as const) {
      await page.getByRole('button', { name: 'Add a profile' }).click();
      await dialog.getByLabel('Name').fill(name);
      await dialog.getByLabel('Builds on').selectOption(base);
      await dialog.getByLabel('Name').press('Enter');
      await dialog.getByRole('button', { name: 'Save and reload' }).click();
      await remove(name).waitFor();
    }
    expect(await remove('strict').count()).toBe(0);
    await remove('office').click();
    await dialog.getByRole('alert').filter({ hasText: 'give profiles.branch.base another one' }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.locator('[aria-label="Remove office"]:focus').waitFor();
    for (const name of ['branch', 'office']) {
      await remove(name).click();
      await dialog.getByRole('button', { name: 'Save and reload' }).click();
      await remove(name).waitFor({ state: 'detached' });
    }
    expect(await readFile(stage.file, 'utf8')).not.toMatch(/profiles|office|branch/);
  });

  test('its dialogs are accessible in both colours, keep the focus, and fit a phone', async () => {
    const { page, open, accessible } = at();
    await open('#/policy');
    for (const name of ['Add a TLS rule', 'Add a profile', 'Remove proxy.tls.rules[0]']) {
      await page.getByRole('button', { name }).click();
      const dialog = page.getByRole('dialog', { name });
      if (name === 'Add a profile') await dialog.getByLabel('Name').fill('office');
      if (!name.startsWith('Remove')) {
        await dialog.getByRole('button', { name: 'Show what would change' }).click();
      }
      await dialog.getByText(/^Checked: |^It cannot/).waitFor();
      for (const [size, colorScheme, what] of [
        [NARROW, 'light', 'all'],
        [WIDE, 'dark', 'colours'],
      ] as const) {
        await page.setViewportSize(size);
        await page.emulateMedia({ colorScheme });
        expect(await accessible(what)).toEqual([]);
        const box = (await dialog.boundingBox())!;
        expect(box.x + box.width).toBeLessThanOrEqual(size.width);
        expect(box.y + box.height).toBeLessThanOrEqual(size.height);
        await dialog.getByRole('button', { name: 'Cancel' }).click({ trial: true }); // in view, not covered
      }
      // Past the last element of the dialog there is only the browser itself.
      for (let step = 0; step < 14; step += 1) {
        await page.keyboard.press('Tab');
        expect(await page.evaluate("document.activeElement.matches('dialog *, body')")).toBe(true);
      }
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await page.locator('section button:focus').waitFor();
    }
  });

  test('names the line of a mistake, and writes and applies what is right, comments kept', async () => {
    const { page, stage, open } = at();
    await open('#/policy?tab=edit');
    const text = page.getByLabel('Text of the configuration file');
    const before = await text.inputValue();
    await text.fill(before.replace('action: splice', 'action: slice'));
    await page
      .getByRole('alert')
      .filter({ hasText: /Line \d+/ })
      .waitFor();
    expect(await page.getByRole('button', { name: 'Review and save' }).isDisabled()).toBe(true);
    await text.fill(before.replace(/( +- )127\.0\.0\.1\n/, '$&$1bank.test\n'));
    await page.getByText('it can be saved').waitFor();
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.locator('.diff .added', { hasText: 'bank.test' }).waitFor();
    await page.getByRole('button', { name: 'Save and reload' }).click();
    await page.getByText(/^Saved/).waitFor();
    const written = await readFile(stage.file, 'utf8');
    expect(written).toContain('# who keeps this file: nobody');
    expect(written).toContain('bank.test');
    await page.getByRole('tab', { name: 'Rules in force' }).click();
    await page.getByRole('cell', { name: /bank\.test/ }).waitFor();
  });
}
