// `weir demo --browser`: a real Chromium that is set up for the lab opens it without a certificate error.

import { mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findBrowser, openBrowser } from '../../src/demo/browser.ts';
import { type RunningLab, startLab } from '../../src/demo/lab.ts';
import { SCENARIOS } from '../../src/demo/scenarios/index.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';

const HEADLESS = ['--headless=new', '--disable-gpu', '--disable-dev-shm-usage'];
const LIMIT_MS = 60_000;

let lab: RunningLab;
beforeAll(async () => {
  lab = await startLab({ scenarios: SCENARIOS, chain: null });
}, LIMIT_MS);
afterAll(() => lab?.close());

/** A PATH on which everything of the chromium script is found, but no certutil. */
async function pathWithoutCertutil(folder: TempDir): Promise<string> {
  const place = '/usr/bin';
  const names = (await readdir(place)).filter((name) => name !== 'certutil');
  for (const name of names) await symlink(path.join(place, name), folder.join(name));
  return folder.path;
}

describeWithPeer('chromium', () => {
  test.each(['with', 'without'])(
    'the browser opens the start page through the proxy %s certutil, trusting the lab, and ends when told',
    async (withOrWithout) => {
      await using programs = await tempDir();
      const PATH = withOrWithout === 'with' ? process.env['PATH'] : await pathWithoutCertutil(programs);
      const env = { ...process.env, PATH, CHROME: requirePeer('chromium') };
      const browser = await openBrowser(lab, { env, extra: HEADLESS });
      try {
        const trace = await lab.traced(({ url, method }) => method === 'GET' && url === lab.startPage);
        expect(trace).toMatchObject({ verdict: 'allowed', tls: { action: 'bump' }, answer: { status: 200 } });
        expect(browser.said).toBe(`chromium is open on ${lab.startPage}`);
      } finally {
        await browser.close();
      }
      expect(browser.process!.exitCode ?? browser.process!.signalCode).not.toBeNull();
    },
    LIMIT_MS,
  );
});

test('without a browser it says what to install, and how to go on by hand', async () => {
  const browser = await openBrowser(lab, { env: { PATH: '/nowhere' } });
  expect(browser.process).toBeNull();
  expect(browser.said).toMatch(/No Chromium or Chrome was found: .*apt install chromium/);
  expect(browser.said).toContain(lab.startPage);
  await browser.close();
});

test('a program that CHROME names comes first, then the usual names in the order of PATH', async () => {
  await using folder = await tempDir();
  await mkdir(folder.join('bin'));
  for (const name of ['google-chrome', 'mine']) await symlink(process.execPath, folder.join(`bin/${name}`));
  const PATH = `/nowhere:${folder.join('bin')}`;
  expect(await readdir(folder.join('bin'))).toHaveLength(2);
  expect(findBrowser({ PATH })).toBe(folder.join('bin/google-chrome'));
  expect(findBrowser({ PATH, CHROME: folder.join('bin/mine') })).toBe(folder.join('bin/mine'));
  expect(findBrowser({ PATH, CHROME: folder.join('bin/none') })).toBe(folder.join('bin/google-chrome'));
});
