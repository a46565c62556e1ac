// Who may scrape, where, and what is served when nothing is counted.

import http from 'node:http';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { startWeir } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { metricsReply } from '../../src/dashboard/metrics.ts';
import { Exposition } from '../support/exposition.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir } from '../support/weir.ts';

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function get(port: number, path: string, options: http.RequestOptions = {}): Promise<Reply> {
  const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }).end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode!, type: response.headers['content-type'] ?? '', text };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('/metrics of the dashboard', () => {
  test('is served to this machine without a token, in the text format', async () => {
    await using weir = await startTestWeir();
    const { port } = weir.weir.dashboard!;
    const { status, type, text } = await get(port, '/metrics');
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(new Exposition(text).rows('weir_build_info')).not.toEqual({});
    expect((await get(port, '/metrics', { headers: { host: `localhost:${port}` } })).status).toBe(200);
    expect(await get(port, '/metrics', { method: 'HEAD' })).toEqual({ status: 200, type, text: '' });
    expect((await get(port, '/metrics', { method: 'POST' })).status).toBe(405);
  });

  test('is refused to a page of a foreign name, and to whoever stands behind a proxy', async () => {
    await using weir = await startTestWeir();
    const { port, token } = weir.weir.dashboard!;
    const of = async (headers: http.OutgoingHttpHeaders, path = '/metrics') =>
      (await get(port, path, { headers })).status;
    expect(await of({ host: 'evil.test' })).toBe(421);
    expect(await of({ 'X-Forwarded-For': '192.0.2.1' })).toBe(401);
    expect(await of({ Forwarded: 'for=192.0.2.1' })).toBe(401);
    expect(await of({ 'X-Forwarded-For': '192.0.2.1', ...bearer('wrong') })).toBe(401);
    expect(await of({ 'X-Forwarded-For': '192.0.2.1', ...bearer(token) })).toBe(200);
    expect(await of({ host: 'weir.example', ...bearer(token) })).toBe(200);
    expect(await of({ Via: '1.1 x' }, `/metrics?token=${token}`)).toBe(200);
  });

  test('needs metrics.token from everybody once there is one; the token opens nothing else', async () => {
    await using weir = await startTestWeir({ metrics: { token: 'scrape-me' } });
    const { port, token } = weir.weir.dashboard!;
    const refused = await get(port, '/metrics');
    expect(refused.status).toBe(401);
    expect(refused.text).toContain('metrics.token');
    expect((await get(port, '/metrics', { headers: bearer('scrape-me') })).status).toBe(200);
    expect((await get(port, '/metrics?token=scrape-me')).status).toBe(200);
    expect((await get(port, '/metrics', { headers: bearer(token) })).status).toBe(200);
    expect((await get(port, '/api/services', { headers: bearer('scrape-me') })).status).toBe(401);
  });

  test('is not there when nothing is counted', async () => {
    await using weir = await startTestWeir({ metrics: { enabled: false } });
    expect(weir.weir.metrics).toBeNull();
    expect((await get(weir.weir.dashboard!.port, '/metrics')).status).toBe(404);
  });

  test('shares one answer among all who ask at the same time', async () => {
    await using weir = await startTestWeir();
    const metrics = weir.weir.metrics!;
    expect(metrics.text()).toBe(metrics.text());
    const first = await metrics.text();
    expect(await metrics.text()).not.toBe(first); // anew: CPU time has gone by
  });
});

describe('metrics.listen', () => {
  test('serves /metrics and nothing else, beside the dashboard', async () => {
    await using weir = await startTestWeir({ metrics: { listen: '127.0.0.1:0' } });
    const port = weir.weir.metrics!.port!;
    expect(port).not.toBe(weir.weir.dashboard!.port);
    expect((await get(port, '/metrics')).status).toBe(200);
    for (const path of ['/', '/healthz', '/api/services']) {
      expect((await get(port, path, { headers: bearer(weir.weir.dashboard!.token) })).status).toBe(404);
    }
    const proxied = await weir.curl(`http://127.0.0.1:${port}/metrics`);
    expect(proxied.status).toBe(403); // clients of the proxy do not reach it
  });

  test('is where a gateway without a proxy is scraped', async () => {
    await using folder = await tempDir();
    const path = await folder.write(
      'weir.yaml',
      `gateway: { listen: 127.0.0.1:0, workers: { min: 0 } }\nmetrics: { listen: 127.0.0.1:0 }\nlog: { file: ${folder.join('log')} }\n`,
    );
    const weir = await startWeir((await loadConfig({ path })).config, { proxy: false, gateway: true });
    try {
      const { status, text } = await get(weir.metrics!.port!, '/metrics');
      expect(status).toBe(200);
      const metrics = new Exposition(text);
      expect(metrics.samples('weir_gateway_connections')).toHaveLength(1);
      expect(metrics.samples('weir_connections')).toEqual([]);
    } finally {
      await weir.stop(0);
    }
  });

  test('that is taken is told as such', async () => {
    const port = await freePort();
    const taken = http.createServer().listen(port, '127.0.0.1');
    await once(taken, 'listening');
    try {
      await expect(startTestWeir({ metrics: { listen: `127.0.0.1:${port}` } })).rejects.toMatchObject({
        code: 'ERR_LISTEN',
        message: expect.stringContaining('metrics cannot listen on 127.0.0.1'),
      });
    } finally {
      taken.close();
    }
  });
});

test.each([
  ['127.0.0.1', 200],
  ['::1', 200],
  ['::ffff:127.0.0.1', 200],
  ['192.0.2.1', 401],
  ['::ffff:192.0.2.1', 401],
  ['fe80::1%eth0', 401],
  [undefined, 401],
])('a peer at %p gets %d without a token', async (peer, status) => {
  const route = { tokens: ['secret'], always: false, text: () => Promise.resolve('') };
  const request = { url: '/metrics', headers: { host: '127.0.0.1' }, peer };
  expect((await metricsReply(route, request, '0.0.0.0')).status).toBe(status);
});

test('without any token, nobody elsewhere can scrape', async () => {
  const route = { tokens: [], always: false, text: () => Promise.resolve('') };
  const headers = { host: '127.0.0.1', ...bearer('') };
  const request = { url: '/metrics?token=', headers, peer: '192.0.2.1' };
  expect((await metricsReply(route, request, '0.0.0.0')).status).toBe(401);
});
