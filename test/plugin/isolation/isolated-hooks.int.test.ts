// Proxy hooks and whole services of a plugin that runs isolated, through a running Weir: what goes wrong in its
// thread costs the requests that it had, and never the proxy.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CurlResult } from '../../support/curl.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';

const SOURCE = `
const block = { kind: 'block', threat: 'Rule', severity: 'high', reason: 'not here' };
const hog = [];
export default { [Symbol.for('weir.plugin')]: 1, name: 'apart', version: '1', setup(ctx) {
  ctx.proxyHook({
    timeoutMs: 1500,
    onRequest({ url, headers }) {
      if (url.endsWith('/blocked')) return block;
      if (url.endsWith('/throws')) throw new Error('on purpose');
      if (url.endsWith('/loops')) for (;;);
      if (url.endsWith('/hogs')) for (;;) hog.push(new Array(1e6).fill(url.length));
      return { kind: 'modify', headers: [...headers, 'X-Asked', 'yes'] };
    },
  });
  ctx.service({ path: '/own', timeoutMs: 1500,
    respmod: (message) => (message.url.endsWith('/unwanted') ? block : { kind: 'allow' }) });
} };`;

let dir: TempDir;
let weir: LocalWeir;
let origin: OriginServer;

beforeAll(async () => {
  dir = await tempDir();
  const plugin = await dir.write('apart.mjs', SOURCE);
  origin = await originServer((request, response) =>
    response.end(`asked ${String(request.headers['x-asked'])}`),
  );
  weir = await startTestWeir((port) => ({
    adaptation: {
      services: { own: { url: `icap://127.0.0.1:${port}/own` } },
      rules: [{ point: 'respmod', use: ['own'] }],
    },
    plugins: [{ use: plugin, isolate: { memory: '64MiB' } }],
  }));
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin.close();
  await dir[Symbol.asyncDispose]();
});

const get = (path: string): Promise<CurlResult> => weir.curl(`${origin.url}${path}`);

/** Asks until the thread is there again. */
async function served(path: string): Promise<CurlResult> {
  for (let tries = 0; ; tries++) {
    const answer = await get(path);
    if (answer.status === 200 || tries === 10) return answer;
  }
}

describe('an isolated plugin', () => {
  test('changes and blocks requests by its hook, and responses by its service', async () => {
    expect(String((await get('/')).body)).toBe('asked yes');
    expect((await get('/blocked')).status).toBe(403);
    const unwanted = await get('/unwanted');
    expect([unwanted.status, String(unwanted.body).includes('not here')]).toEqual([403, true]);
  });

  test('answers twenty requests, each with what it asked for, beside one whose hook loops', async () => {
    const guilty = get('/loops');
    const paths = Array.from({ length: 20 }, (_, index) => `/${index}${index % 4 === 0 ? '/unwanted' : ''}`);
    const answers = await Promise.all(paths.map(async (path) => [path, (await get(path)).status]));
    expect(answers).toEqual(paths.map((path) => [path, path.endsWith('/unwanted') ? 403 : 200]));
    expect((await guilty).status).toBe(502);
  });

  test.each(['/throws', '/loops', '/hogs'])(
    '%s fails closed, is named in the log, and the requests after it are served',
    async (path) => {
      const answer = await get(path);
      expect([answer.status, String(answer.body).includes('asked')]).toEqual([502, false]);
      const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && String(url).endsWith(path));
      expect(record!.error).toMatchObject({ code: 'ERR_PLUGIN_HOOK' });
      expect(record!.error!.message).toMatch(/^onRequest of plugin apart /);
      expect(String((await served('/after')).body)).toBe('asked yes');
    },
  );
});
