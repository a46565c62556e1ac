// The dashboard attacked: without a token, from foreign pages and names, by forms, and with what peers send.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';
import { ApiClient } from './api-client.ts';

let weir: LocalWeir;
let api: ApiClient;
let cookie: string;

beforeAll(async () => {
  weir = await startTestWeir();
  api = new ApiClient(weir);
  cookie = await api.cookie();
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

const READS = [
  '/api/status',
  '/api/overview',
  '/api/transactions',
  '/api/transactions/W-1KYSNCG0GCA5N',
  '/api/services',
  '/api/policy',
  '/api/incidents',
  '/api/quarantine',
  '/api/trust',
  '/api/learned',
  '/api/plugins',
  '/api/openapi.json',
  '/api/nonsense',
];

const CHANGES = [
  ['PUT', '/api/policy'],
  ['POST', '/api/policy/test'],
  ['POST', '/api/policy/check'],
  ['POST', '/api/policy/draft'],
  ['POST', '/api/services/sandblast/doctor'],
  ['DELETE', '/api/quarantine/W-1KYSNCG0GCA5N'],
  ['POST', '/api/quarantine/W-1KYSNCG0GCA5N/release'],
  ['DELETE', '/api/learned'],
] as const;

describe('without a token', () => {
  test.each(READS)('%s tells nothing', async (path) => {
    const { status, text } = await api.raw(path);
    expect(status).toBe(401);
    expect(text).not.toContain(api.token);
    expect((await api.raw(path, { headers: { cookie: `weir-${api.port}=1.x` } })).status).toBe(401);
  });

  test.each(CHANGES)('%s %s does nothing', async (method, path) => {
    expect((await api.raw(path, { method, headers: { 'x-weir-request': '1' }, body: {} })).status).toBe(401);
  });

  test('a cookie that is forged, of another time, or of another port is none', async () => {
    const [name, value] = cookie.split('=') as [string, string];
    const [until, seal] = value.split('.') as [string, string];
    const forged = [
      `${name}=${Number(until) + 1}.${seal}`,
      `${name}=${until}.${seal.slice(0, -2)}AA`,
      `weir-1=${value}`,
      `${name}=`,
      `${name}=${api.token}`,
    ];
    for (const each of forged) {
      expect((await api.raw('/api/status', { headers: { cookie: each } })).status).toBe(401);
    }
    expect((await api.raw('/api/status', { headers: { cookie: `a=b; ${cookie}` } })).status).toBe(200);
  });
});

describe('the log-in', () => {
  test('takes the token out of the address and gives a cookie that scripts and other sites cannot use', async () => {
    const { status, headers } = await api.raw(`/?token=${api.token}`);
    expect(status).toBe(303);
    expect(headers.location).toBe('/');
    const [set] = headers['set-cookie']!;
    expect(set).toMatch(/^weir-\d+=\d{13}\.[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    expect(set).not.toContain(api.token);
    expect(headers['referrer-policy']).toBe('no-referrer');
  });

  test('by a form needs an own page, and a wrong token gets no cookie', async () => {
    const own = { origin: api.origin, 'x-weir-request': '1' };
    const asking = { method: 'POST', body: { token: api.token } };
    const good = await api.raw('/api/login', { ...asking, headers: own });
    expect(good).toMatchObject({ status: 200, json: { loggedIn: true } });
    const foreign = { ...own, origin: 'http://evil.test' };
    expect((await api.raw('/api/login', { ...asking, headers: foreign })).status).toBe(403);
    const wrong = await api.raw('/api/login', { method: 'POST', body: { token: 'x' }, headers: own });
    expect(wrong.status).toBe(401);
    expect(wrong.headers['set-cookie']).toBeUndefined();
    const out = await api.raw('/api/logout', { method: 'POST', headers: { ...own, cookie } });
    expect(out.headers['set-cookie']![0]).toContain('Max-Age=0');
  });

  test('is not for pages elsewhere that try tokens in the background', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' };
    expect((await api.raw(`/?token=${api.token}`, { headers })).status).toBe(403);
  });

  test('is closed for a minute after twenty wrong tokens, but not for sessions', async () => {
    await using other = await startTestWeir();
    const tried = new ApiClient(other);
    const session = await tried.cookie();
    for (let count = 0; count < 20; count++) {
      expect((await tried.raw('/?token=wrong')).status).toBe(401);
    }
    const late = await tried.raw(`/?token=${tried.token}`);
    expect(late).toMatchObject({ status: 429, headers: { 'retry-after': '60' } });
    expect((await tried.ask('/api/status')).status).toBe(429);
    expect((await tried.raw('/api/status', { headers: { cookie: session } })).status).toBe(200);
  });
});

describe('a foreign name that resolves here (DNS rebinding)', () => {
  const host = { host: 'evil.test' };

  test.each(READS)('gets nothing of %s, even with the token or a cookie', async (path) => {
    expect((await api.ask(path, { headers: host })).status).toBe(421);
    expect((await api.raw(path, { headers: { ...host, cookie } })).status).toBe(421);
  });

  test('gets neither a session, nor the pages, nor the feed', async () => {
    expect((await api.raw(`/?token=${api.token}`, { headers: host })).status).toBe(421);
    expect((await api.raw('/', { headers: { ...host, accept: 'text/html' } })).status).toBe(421);
    const headers = { ...host, cookie, origin: 'http://evil.test' };
    expect(await api.refusedUpgrade(headers)).toBe(421);
  });
});

describe('a foreign page', () => {
  test.each(CHANGES)('cannot use the cookie for %s %s', async (method, path) => {
    const own = { cookie, 'x-weir-request': '1' };
    const ask = (headers: Record<string, string>, body: unknown = {}) =>
      api.raw(path, { method, headers, body });
    for (const origin of [
      'http://evil.test',
      'null',
      `http://127.0.0.1:${api.port + 1}`,
      `${api.origin}.evil.test`,
    ]) {
      expect((await ask({ ...own, origin })).status).toBe(403);
    }
    expect((await ask(own)).status).toBe(403); // none at all
    expect((await ask({ cookie, origin: api.origin })).status).toBe(403); // as a form would
    const form = { ...own, origin: api.origin, 'content-type': 'application/x-www-form-urlencoded' };
    expect((await ask(form, 'yaml=x')).status).toBe(415);
    const plain = { ...own, origin: api.origin, 'content-type': 'text/plain' };
    expect((await ask(plain, '{}')).status).toBe(415);
  });

  test('cannot read with the cookie, not even one on another port of this machine', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const { status } = await api.raw('/api/policy', { headers: { cookie, 'sec-fetch-site': site } });
      expect(status).toBe(403);
    }
    const own = await api.raw('/api/policy', { headers: { cookie, 'sec-fetch-site': 'same-origin' } });
    expect(own.status).toBe(200);
    expect(own.headers).toMatchObject({ 'cross-origin-resource-policy': 'same-origin' });
    expect(own.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('cannot open the live feed', async () => {
    for (const origin of ['http://evil.test', 'null', `http://localhost:${api.port}`]) {
      expect(await api.refusedUpgrade({ cookie, origin })).toBe(403);
    }
    expect(await api.refusedUpgrade({ cookie })).toBe(403);
    expect(await api.refusedUpgrade({ origin: api.origin })).toBe(401);
    expect(await api.refusedUpgrade({ cookie, origin: api.origin }, '/api/status')).toBe(404);
    using viewer = await api.watch();
    expect((await viewer.hears('hello')).everyMs).toBe(250);
  });
});

describe('what is asked for', () => {
  test.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/%2e%2e/package.json',
    '/assets/../../../package.json',
    '//etc/passwd',
    '/.built',
    '/index.html%00.js',
  ])('%s gives no file', async (path) => {
    const { status, text } = await api.raw(path);
    expect([404, 503]).toContain(status);
    expect(text).not.toContain('"name": "weir"');
  });

  test('bodies that are no object, or too long, are refused', async () => {
    const ask = (body: unknown) => api.ask('/api/policy/check', { method: 'POST', body });
    for (const body of ['', '[', '[]', '"x"', 'null', '{"yaml":1}', '{"yaml":null}']) {
      expect((await ask(body)).status).toBe(400);
    }
    expect((await ask(`{"yaml":"${'x'.repeat(300_000)}"}`)).status).toBe(400);
    expect((await ask(`{"yaml":"${'x'.repeat(2_200_000)}"}`)).status).toBe(413);
  });

  test('every answer forbids scripts, framing and sniffing', async () => {
    for (const path of ['/api/status', '/', '/nonsense', '/?token=x', '/api/nonsense']) {
      const { headers } = await api.raw(path, { headers: { accept: 'text/html' } });
      expect(headers).toMatchObject({
        'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      });
      expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:(?!\/\/weir\.local)|\*/);
    }
  });

  test('errors tell no path and no token', async () => {
    const certs = await readFile(weir.folder.join('certs/dashboard.token'), 'utf8');
    expect(certs.trim()).toBe(api.token);
    for (const path of READS) expect((await api.raw(path)).text).not.toContain(weir.folder.path);
  });
});
