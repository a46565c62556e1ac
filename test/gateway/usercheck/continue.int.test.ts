// A user continues past a block, through the whole of Weir: page, form, redirect, download; and everything that
// is no answer of that user to that page.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar } from '../../support/eicar.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import type { LocalWeir } from '../../support/weir.ts';
import { startTestWeir } from '../../support/weir.ts';

let origin: OriginServer;
let weir: LocalWeir;

const profiles = (action: string, more: object = {}) => ({ optimized: { action, remember: '30m', ...more } });

beforeAll(async () => {
  origin = await originServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(request.method === 'POST' ? 'taken' : eicar()));
  });
  weir = await startTestWeir({ profiles: profiles('ask') });
});

afterAll(async () => {
  await weir.stop(0);
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

/** A site that no other test has used. */
let sites = 0;
const newSite = (): string => `http://site${++sites}.test:${origin.port}`;

function formOf(page: string): { action: string; token: string } {
  const action = /<form method="post" action="([^"]+)"/.exec(page)?.[1] ?? '';
  const token = /name="token" value="([^"]+)"/.exec(page)?.[1] ?? '';
  return { action, token };
}

async function blocked(
  url: string,
  ...args: string[]
): Promise<{ action: string; token: string; page: string }> {
  const { status, body } = await weir.curl(url, ...args);
  const page = body.toString();
  expect(status).toBe(403);
  return { ...formOf(page), page };
}

async function refusal(site: string, action: string, ...args: string[]): Promise<string> {
  const result = await weir.curl(`${site}${action}`, ...args);
  expect(result.status).toBe(403);
  const incident = result.header('X-Weir-Incident');
  const [line] = await weir.logged((record) => record['incident'] === incident);
  return String(line!['reason']);
}

describe('before anything was granted', () => {
  test('the page of an `ask` profile has a form of its own origin, and may not be framed', async () => {
    const result = await weir.curl(`${newSite()}/a`);
    const page = result.body.toString();
    expect(page).toContain('<textarea');
    expect(formOf(page).action).toMatch(/^\/\.weir-usercheck\/W-[0-9A-Z]{13}$/);
    const policy = result.header('Content-Security-Policy')!;
    expect(policy).toContain("form-action 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("default-src 'none'");
  });

  test.each([
    ['a program', ['-H', 'Accept: application/json']],
    ['an image or a script of a page', ['-H', 'Sec-Fetch-Mode: no-cors']],
    ['a frame', ['-H', 'Sec-Fetch-Mode: navigate', '-H', 'Sec-Fetch-Dest: iframe']],
  ])('%s gets no form', async (_, fields) => {
    const { page } = await blocked(`${newSite()}/a`, ...fields);
    expect(page).not.toContain('weir-usercheck');
  });

  test('a token holds neither the address nor the name of the user in the clear', async () => {
    const { token } = await blocked(`${newSite()}/a`);
    const content = Buffer.from(token.split('.')[1]!, 'base64url').toString();
    expect(JSON.parse(content)).toMatchObject({ service: '/sandblast', blade: 'antivirus' });
    expect(content).not.toContain('"127.0.0.1"');
  });

  test.each([
    ['script', ['-H', 'Sec-Fetch-Mode: cors', '-H', 'Sec-Fetch-Site: same-origin']],
    ['script', ['-H', 'Sec-Fetch-Mode: navigate', '-H', 'Sec-Fetch-Site: same-origin']],
    ['cross-site', ['-H', 'Sec-Fetch-Site: cross-site']],
    ['cross-site', ['-H', 'Origin: http://evil.test']],
  ])('a form that was sent by a %s is refused', async (reason, fields) => {
    const site = newSite();
    const { action, token } = await blocked(`${site}/a`);
    const form = ['--data-urlencode', `token=${token}`, '--data-urlencode', 'reason=it is fine'];
    expect(await refusal(site, action, ...form, ...fields)).toBe(reason);
  });

  test('a forged token, none at all, and a mere link are refused and logged', async () => {
    const site = newSite();
    const { action, token } = await blocked(`${site}/a`);
    const [version, , signature] = token.split('.');
    const forged = `${version}.${Buffer.from('{}').toString('base64url')}.${signature}`;
    expect(await refusal(site, action, '-d', `token=${forged}&reason=because`)).toBe('forged');
    expect(await refusal(site, action, '-d', 'reason=because')).toBe('forged');
    expect(await refusal(site, action)).toBe('no form');
    expect(origin.requests.every(({ url }) => !url!.includes('weir-usercheck'))).toBe(true);
  });

  test('a token of one site is worth nothing at another', async () => {
    const { action, token } = await blocked(`${newSite()}/a`);
    expect(await refusal(newSite(), action, '-d', `token=${token}&reason=because`)).toBe('foreign');
  });

  test('without a reason the form comes once more, and its token still holds', async () => {
    const site = newSite();
    const { action, token } = await blocked(`${site}/a`);
    const again = await weir.curl(`${site}${action}`, '-d', `token=${token}&reason=%20x%20`);
    expect(again.status).toBe(400);
    expect(again.body.toString()).toContain('aria-invalid="true"');
    expect(formOf(again.body.toString())).toEqual({ action, token });
  });
});

test('a user continues with a reason: the content comes, once the token was used it is refused', async () => {
  const site = newSite();
  const { action, token } = await blocked(`${site}//odd/path?x=1&y=%22`);
  const reason = 'needed for\r\n<b>ticket</b> 4711';
  const form = ['--data-urlencode', `token=${token}`, '--data-urlencode', `reason=${reason}`];
  const fields = ['-H', 'Sec-Fetch-Mode: navigate', '-H', 'Sec-Fetch-User: ?1'];
  const answer = await weir.curl(`${site}${action}`, ...form, ...fields, '-H', `Origin: ${site}`);
  expect(answer.status).toBe(303);
  expect(new URL(answer.header('Location')!, site).href).toBe(`${site}//odd/path?x=1&y=%22`);

  const [line] = await weir.logged(({ msg }) => msg === 'a user continued past a block');
  expect(line).toMatchObject({
    ...{ client: '127.0.0.1', blade: 'antivirus', action: 'ask', level: 'info' },
    reason: 'needed for <b>ticket</b> 4711',
  });
  expect(JSON.stringify(weir.log())).not.toContain(token);

  const content = await weir.curl(`${site}//odd/path?x=1&y=%22`);
  expect(content.status).toBe(200);
  expect(content.body.equals(eicar())).toBe(true);
  const passed = await weir.logged(
    (it) => it.kind === 'gateway' && JSON.stringify(it).includes('"continued"'),
  );
  expect(passed[0]).toMatchObject({ verdict: 'allowed' });

  expect(await refusal(site, action, ...form)).toBe('replayed');

  // What was granted was granted to one client, for one content, under one profile.
  await weir.reload({ profiles: profiles('prevent') });
  expect((await weir.curl(`${site}/a`)).status).toBe(403);
  await weir.reload({ profiles: profiles('inform') });
  expect((await weir.curl(`${site}/a`)).status).toBe(200); // also after two reloads
});

describe('where users are informed', () => {
  test('one click is enough for an upload, which is then sent once more', async () => {
    const site = newSite();
    const upload = ['--data-binary', eicar().toString('latin1'), '-H', 'Content-Type: text/plain'];
    const { action, token, page } = await blocked(`${site}/up`, ...upload);
    expect(page).not.toContain('<textarea');
    const answer = await weir.curl(`${site}${action}`, '-d', `token=${token}`, '-H', 'Accept-Language: de');
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toContain('Gehen Sie zurück');
    const sent = await weir.curl(`${site}/up`, ...upload);
    expect([sent.status, sent.body.toString()]).toEqual([200, 'taken']);
  });

  test('a blade can be kept from it, and then has no way on', async () => {
    await weir.reload({ profiles: profiles('inform', { blades: { antivirus: { action: 'prevent' } } }) });
    const { page } = await blocked(`${newSite()}/a`);
    expect(page).not.toContain('<form');
  });

  test('a service without REQMOD offers nothing, as the form could not come back', async () => {
    const other = { other: { base: 'optimized', action: 'inform' } }; // nothing was granted under it
    const rules = [{ point: 'respmod', use: ['sandblast'] }];
    const settings = (methods: string[]) => ({
      profiles: other,
      gateway: { services: { sandblast: { profile: 'other', methods } } },
      adaptation: { rules },
    });
    await weir.reload(settings(['REQMOD', 'RESPMOD']));
    expect((await blocked(`${newSite()}/a`)).page).toContain('<form');
    await weir.reload(settings(['RESPMOD']));
    expect((await blocked(`${newSite()}/a`)).page).not.toContain('<form');
  });
});

test('the same works for an ICAP client over a socket, with preview and 204', async () => {
  const url = `icap://127.0.0.1:${weir.gatewayPort}/scan`;
  await weir.reload({
    profiles: { socket: { base: 'optimized', action: 'ask' } },
    gateway: { services: { scan: { profile: 'socket', preview: 16 } } },
    adaptation: {
      services: { scan: { url, inProcess: false } },
      rules: ['reqmod', 'respmod'].map((point) => ({ point, use: ['scan'] })),
    },
  });
  const site = newSite();
  const { action, token } = await blocked(`${site}/a?b`);
  const form = ['--data-urlencode', `token=${token}`, '--data-urlencode', 'reason=for the test'];
  const answer = await weir.curl(`${site}${action}`, ...form);
  expect([answer.status, answer.header('Location')]).toEqual([303, '/a?b']);
  expect((await weir.curl(`${site}/a?b`)).status).toBe(200);
});
