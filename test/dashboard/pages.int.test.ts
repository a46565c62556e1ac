// The files of the pages as the dashboard's server gives them away: those of the build, with what forbids
// everything but them, and the index page for every place within the pages.

import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DashboardSources } from '../../src/dashboard/api/sources.ts';
import { Activity } from '../../src/dashboard/live/activity.ts';
import { DashboardServer } from '../../src/dashboard/server.ts';
import { NO_METERS } from '../../src/metrics/meters.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';

const HTML = '<!doctype html><script type="module" src="/assets/index-Ab12Cd34.js"></script>';

let folder: TempDir;
let server: DashboardServer;
let port: number;

beforeAll(async () => {
  folder = await tempDir();
  const sources = { meters: () => NO_METERS, incidents: null } as unknown as DashboardSources;
  const console = { sources, activity: new Activity(), pages: folder.join('web'), openApi: '' };
  server = new DashboardServer({ host: '127.0.0.1', port: 0, token: 'token', console });
  ({ port } = await server.listen());
});

afterAll(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false }).end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const piece of response) text += String(piece);
  return { status: response.statusCode, headers: response.headers, text };
}

test('a build that is missing is told in plain text, and noticed once it is there', async () => {
  const missing = await get('/');
  expect(missing).toMatchObject({ status: 503, text: expect.stringContaining('npm run build') });
  expect(missing.headers['content-type']).toMatch(/^text\/plain/);
  await mkdir(folder.join('web/assets'), { recursive: true });
  await folder.write('web/index.html', HTML);
  expect(await get('/')).toMatchObject({ status: 200, text: HTML });
});

describe('of a build', () => {
  beforeAll(async () => {
    await mkdir(folder.join('web/assets'), { recursive: true });
    await folder.write('web/index.html', HTML);
    await folder.write('web/assets/index-Ab12Cd34.js', 'export {};');
    await folder.write('web/icon.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>');
    await folder.write('secret.txt', 'secret');
  });

  test('files with a hash in their name may be kept for ever, others not', async () => {
    const script = await get('/assets/index-Ab12Cd34.js');
    expect(script.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    expect((await get('/icon.svg')).headers).toMatchObject({
      'cache-control': 'no-cache',
      'content-type': 'image/svg+xml',
    });
  });

  test('each forbids scripts and styles but its own, frames, forms elsewhere and plugins', async () => {
    for (const path of ['/', '/icon.svg', '/assets/index-Ab12Cd34.js']) {
      const policy = (await get(path)).headers['content-security-policy']!;
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'/);
      expect(policy).toMatch(/base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/);
      expect(policy).not.toContain('unsafe');
    }
  });

  test('a place within the pages is the index page for people, and nothing for programs', async () => {
    const person = { accept: 'text/html,application/xhtml+xml' };
    expect(await get('/transactions/W-1', person)).toMatchObject({ status: 200, text: HTML });
    expect((await get('/transactions/W-1')).status).toBe(404);
    expect((await get('/assets/gone-Ab12Cd34.js', person)).status).toBe(404);
    expect((await get('/api/nonsense', person)).status).toBe(401);
    expect((await get('/', {}, 'POST')).status).toBe(405);
  });

  test('nothing beside the folder can be asked for', async () => {
    for (const path of [
      '/../secret.txt',
      '/..%2fsecret.txt',
      '/assets/..%5c..%5csecret.txt',
      '/./icon.svg',
    ]) {
      expect((await get(path)).status).toBe(404);
    }
  });
});
