// The dashboard of a running proxy, asked over HTTP: whether it lives, is ready, and how its services are.

import { once } from 'node:events';
import http from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { NO_CONTENT, scriptedIcap } from '../icap/client/scripted-icap.ts';
import { originServer, rawOrigin } from '../support/originServer.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { rawExchange } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { startTestWeir, type LocalWeir, type WeirSettings } from '../support/weir.ts';

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly json: Record<string, unknown>;
}

async function ask(weir: LocalWeir, path: string, options: http.RequestOptions = {}): Promise<Reply> {
  const { port } = weir.weir.dashboard!;
  const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }).end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const { statusCode: status = 0, headers } = response;
  return { status, headers, json: text === '' ? {} : (JSON.parse(text) as Reply['json']) };
}

const withToken = (weir: LocalWeir, more: Record<string, string> = {}): http.RequestOptions => ({
  headers: { authorization: `Bearer ${weir.weir.dashboard!.token}`, ...more },
});

/** A proxy whose responses go to a server that does not listen. */
async function lame(more: object = {}): Promise<WeirSettings> {
  const services = { scan: { url: `icap://127.0.0.1:${await freePort()}/scan`, ...more } };
  return { adaptation: { services, rules: [{ point: 'respmod', use: ['scan'] }] } };
}

describe('/healthz', () => {
  test('answers as long as the process lives, whatever its services do', async () => {
    await using weir = await startTestWeir(await lame());
    expect(await ask(weir, '/healthz')).toMatchObject({ status: 200, json: { alive: true } });
    expect((await ask(weir, '/healthz', { headers: { host: 'any.test' } })).status).toBe(200);
  });
});

describe('/readyz', () => {
  test('is 200 with the own gateway', async () => {
    await using weir = await startTestWeir();
    expect(await ask(weir, '/readyz')).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
  });

  test('is 503 when a service that may not be bypassed is down, and tells no address', async () => {
    await using weir = await startTestWeir(await lame());
    const { status, json } = await ask(weir, '/readyz');
    expect(status).toBe(503);
    expect(json).toEqual({
      ready: false,
      reasons: [{ name: 'scan', state: 'down', code: 'ERR_ADAPT_UNAVAILABLE' }],
    });
  });

  test('is 503 while a service is silent that was never heard of', async () => {
    await using silent = await rawOrigin(() => {});
    const services = { scan: { url: `icap://127.0.0.1:${silent.port}/scan` } };
    const adaptation = { services, rules: [{ point: 'respmod', use: ['scan'] }] };
    await using weir = await startTestWeir({ adaptation });
    const { status, json } = await ask(weir, '/readyz');
    expect(status).toBe(503);
    expect(json['reasons']).toEqual([{ name: 'scan', state: 'probing', code: null }]);
  });

  test('is 200 when it may be bypassed, or notScanned lets messages pass', async () => {
    await using weir = await startTestWeir(await lame({ onError: 'bypass' }));
    expect((await ask(weir, '/readyz')).status).toBe(200);
    const settings = await lame();
    const adaptation = { ...settings.adaptation, notScanned: { 'service-down': 'allow' } };
    await weir.reload({ adaptation });
    expect((await ask(weir, '/readyz')).status).toBe(200);
  });

  test('is 200 when another member of the group can serve, and follows a reload', async () => {
    await using icap = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const settings = await lame();
    await using weir = await startTestWeir(settings);
    expect((await ask(weir, '/readyz')).status).toBe(503);
    const { services } = settings.adaptation as { services: object };
    await weir.reload({
      adaptation: {
        services: { ...services, live: { url: `icap://127.0.0.1:${icap.port}/scan` } },
        groups: { both: { services: ['scan', 'live'] } },
        rules: [{ point: 'respmod', use: ['both'] }],
      },
    });
    expect((await ask(weir, '/readyz')).status).toBe(200);
  });
});

describe('/api/services', () => {
  test('needs the token', async () => {
    await using weir = await startTestWeir();
    const refused = await ask(weir, '/api/services');
    expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer realm="weir"' } });
    expect(refused.json['hint']).toContain('dashboard.token');
    const wrong = { headers: { authorization: 'Bearer nonsense' } };
    expect((await ask(weir, '/api/services', wrong)).status).toBe(401);
  });

  test('is not for a page of a foreign name, even with the token', async () => {
    await using weir = await startTestWeir();
    const rebound = withToken(weir, { host: `evil.test:${weir.weir.dashboard!.port}` });
    expect((await ask(weir, '/api/services', rebound)).status).toBe(421);
  });

  test('tells of each used service its state, cause, next try and remedy, and no password', async () => {
    const port = await freePort();
    const services = {
      scan: { url: `icap://user:hidden@127.0.0.1:${port}/scan` },
      unused: { url: 'icap://unused.test/x' },
    };
    const rules = [
      { point: 'reqmod', use: ['sandblast'] },
      { point: 'respmod', use: ['scan'] },
    ];
    await using weir = await startTestWeir({ adaptation: { services, rules } });
    const { status, headers, json } = await ask(weir, '/api/services', withToken(weir));
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(json['services']).toEqual([
      expect.objectContaining({ name: 'sandblast', inProcess: true, state: 'up', cause: null }),
      expect.objectContaining({
        name: 'scan',
        url: `icap://127.0.0.1:${port}/scan`,
        state: 'down',
        nextTry: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        cause: {
          code: 'ERR_ADAPT_UNAVAILABLE',
          message: expect.stringContaining('ECONNREFUSED'),
          remedy: 'Check that the ICAP server runs and is reachable.',
        },
      }),
    ]);
    expect(JSON.stringify(json)).not.toContain('hidden');
  });
});

test('everything else is 404 with a hint, and only GET and HEAD are allowed', async () => {
  await using weir = await startTestWeir();
  const lost = await ask(weir, '/nonsense');
  expect(lost).toMatchObject({ status: 404, json: { hint: expect.stringContaining('/readyz') } });
  const posted = await ask(weir, '/healthz', { method: 'POST' });
  expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  expect(await ask(weir, '/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, json: {} });
  const garbage = await rawExchange(weir.weir.dashboard!.port, 'nonsense\r\n\r\n');
  expect(garbage.toString()).toMatch(/^HTTP\/1\.1 400 /);
});

test('clients of the proxy do not reach the dashboard through it', async () => {
  await using weir = await startTestWeir();
  const { status, body } = await weir.curl(`http://127.0.0.1:${weir.weir.dashboard!.port}/healthz`);
  expect(status).toBe(403);
  expect(body.toString()).toContain('ERR_PROXY_SELF');
});

test('`dashboard.listen: null` opens none', async () => {
  await using weir = await startTestWeir({ dashboard: { listen: null } });
  expect(weir.weir.dashboard).toBeNull();
});

test('an address in use fails the start, and nothing is left running', async () => {
  await using weir = await startTestWeir();
  const listen = weir.weir.dashboard!.address;
  await expect(startTestWeir({ dashboard: { listen } })).rejects.toMatchObject({
    code: 'ERR_LISTEN',
    message: expect.stringContaining(`dashboard cannot listen on ${listen}`),
  });
});

describeWithPeer('c-icap', () => {
  test('a c-icap that is stopped turns from up to suspended or down, and the proxy is not ready', async () => {
    await using cIcap = await startCIcap();
    await using origin = await originServer((_, response) => void response.end('content'));
    const services = { scan: { url: cIcap.url('echo'), failureLimit: 1 } };
    const adaptation = { services, rules: [{ point: 'respmod', use: ['scan'] }] };
    await using weir = await startTestWeir({ adaptation });
    const before = await ask(weir, '/api/services', withToken(weir));
    expect(before.json['services']).toMatchObject([
      { state: 'up', options: { methods: ['RESPMOD', 'REQMOD'], allow204: true }, connections: { open: 1 } },
    ]);
    await cIcap.stop();
    expect((await weir.curl(`${origin.url}/refused`)).status).toBe(502);
    const { status, json } = await ask(weir, '/readyz');
    expect(status).toBe(503);
    expect(json['reasons']).toMatchObject([{ name: 'scan', code: 'ERR_ADAPT_UNAVAILABLE' }]);
  });
});
