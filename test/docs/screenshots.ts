// Pictures of the dashboard for docs/dashboard.md, from a running Weir with real traffic:
// `npx tsx test/docs/screenshots.ts [FOLDER]`, docs/images unless told. Needs a build and Chromium.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { NARROW, WIDE } from '../web/sizes.ts';
import { startStage } from '../web/stage.ts';

const SIZES = { wide: WIDE, narrow: NARROW } as const;
const ROUNDS = 4; // of traffic, so that lists are no longer empty

/** Name of the picture, the page, and what must be there before it is taken. */
const PICTURES: readonly (readonly [name: string, hash: string, shown: string])[] = [
  ['live', '#/live', '.virtual-row'],
  ['services', '#/services', '.histogram'],
  ['policy', '#/policy?url=https%3A%2F%2Fshop.example%2Freport.pdf', '.story'],
  ['threats', '#/threats?minutes=15', '.chart'],
  ['trust', '#/trust', '.steps-text'],
];

const folder = process.argv[2] ?? fileURLToPath(new URL('../../docs/images', import.meta.url));
await using stage = await startStage();
for (let round = 0; round < ROUNDS; round += 1) await stage.traffic();
const browser = await chromium.launch({
  executablePath: requirePeer('chromium'),
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
const page = await browser.newPage({ reducedMotion: 'reduce' });
await page.goto(stage.signIn);
for (const [screen, size] of Object.entries(SIZES)) {
  await page.setViewportSize(size);
  const take = (name: string): Promise<Buffer> =>
    page.screenshot({ path: path.join(folder, `dashboard-${name}-${screen}.png`) });
  for (const [name, hash, shown] of PICTURES) {
    await page.goto(`${stage.origin}/${hash}`);
    await page.locator(shown).first().waitFor();
    await take(name);
  }
  await page.goto(`${stage.origin}/#/live?verdict=blocked&q=eicar.com`);
  await page.locator('.row-link').first().click();
  await page.locator('.story').waitFor();
  await take('transaction');
  await page.getByRole('tab', { name: 'ICAP' }).click();
  // The last exchange, whose answer is the block page, byte for byte.
  await page
    .locator('.icap-step')
    .last()
    .evaluate((step) => step.scrollIntoView());
  await take('icap');
}
await browser.close();
