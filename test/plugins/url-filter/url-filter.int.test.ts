// The configuration of docs/blades/url-filter.md, pasted into a Weir and tried with curl.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { configurationOf } from '../../support/blade.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { startTestWeir, type LocalWeir, type WeirSettings } from '../../support/weir.ts';

let weir: LocalWeir;
let origin: OriginServer;
let lists: TempDir;
let settings: WeirSettings;
beforeAll(async () => {
  lists = await tempDir();
  await lists.write('ads.txt', '||ads.test^\n');
  await lists.write('gambling.hosts', '0.0.0.0 bet.test\n');
  const page = JSON.stringify(await configurationOf('blades/url-filter.md'));
  const given = JSON.parse(page.replaceAll('"lists/', `"${lists.path}/`)) as WeirSettings;
  const hosts = { '*.test': '127.0.0.1', 'www.google.com': '127.0.0.1' };
  settings = { ...given, proxy: { upstream: { hosts } } };
  weir = await startTestWeir(settings);
  origin = await originServer((request, response) => response.end(request.url));
});
afterAll(async () => {
  await weir.stop();
  await weir[Symbol.asyncDispose]();
  await origin.close();
  await lists[Symbol.asyncDispose]();
});

test('the configuration of its page blocks by list and lets the rest through', async () => {
  const blocked = await weir.curl(`http://www.ads.test:${origin.port}/x`);
  expect(blocked.status).toBe(403);
  expect(blocked.body.toString()).toContain('www.ads.test is listed as ads');
  const allowed = await weir.curl(`http://www.bet.test:${origin.port}/x`); // hosts files name one host
  expect([allowed.status, allowed.body.toString()]).toEqual([200, '/x']);
});

test('a CONNECT to a listed host is refused before there is a tunnel', async () => {
  const result = await weir.curl(`https://bet.test:${origin.port}/`);
  expect(result.exitCode).toBe(56);
  expect(result.headers).toMatch(/^HTTP\/1\.1 403 /);
});

test('safe search changes the target on its way to the engine', async () => {
  const result = await weir.curl(`http://www.google.com:${origin.port}/search?q=x`);
  expect(result.body.toString()).toBe('/search?q=x&safe=active');
  expect(origin.requests.at(-1)!.headers['prefer']).toBe('safe');
});

test('a list that changes is loaded anew', async () => {
  const before = await weir.curl(`http://later.test:${origin.port}/x`);
  expect(before.status).toBe(200);
  await lists.write('ads.txt', '||later.test^\n');
  await weir.reload(settings);
  const after = await weir.curl(`http://later.test:${origin.port}/x`);
  expect(after.status).toBe(403);
});
