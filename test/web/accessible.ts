// What axe finds on the page that is open.

import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

/** What is seriously wrong; `colours`: with contrasts alone, where the rest has been looked at. */
export async function seriousViolations(page: Page, what: 'all' | 'colours' = 'all'): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(axe.source);
  const only = what === 'all' ? {} : { runOnly: ['color-contrast'] };
  const options = JSON.stringify({ resultTypes: ['violations'], ...only });
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${options})`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
