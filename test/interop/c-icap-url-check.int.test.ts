// c-icap's url_check as the service that judges requests of our proxy: lists of hosts and domains, its
// own page for what they deny, and fields that it changes in requests that pass.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { type CIcap, startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

describeWithPeer(['c-icap', 'url_check', 'curl'], () => {
  let folder: TempDir;
  let server: CIcap;
  let origin: OriginServer;
  let plain: OriginServer;
  let weir: TestWeir;

  beforeAll(async () => {
    folder = await tempDir();
    const list = async (name: string, ...keys: string[]): Promise<string> =>
      `hash:${await folder.write(name, keys.map((key) => `${key}\n`).join(''))}`;
    const answer: Parameters<typeof originServer>[0] = (request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => (bytes += chunk.length));
      request.on('end', () => response.end(`${request.url} ${bytes} ${request.headers['x-checked-by']}`));
    };
    const names = ['origin.test', '*.origin.test', '*.games.test'];
    origin = await originServer(answer, { tls: true, names });
    plain = await originServer(answer);
    server = await startCIcap({
      config: [
        'Service url_check_module srv_url_check.so',
        `url_check.LookupTableDB hosts host ${await list('hosts', 'denied.origin.test')} "Denied hosts"`,
        `url_check.LookupTableDB domains domain ${await list('domains', '.games.test', 'games.test')} "Games"`,
        'url_check.Profile default block hosts',
        'url_check.Profile default block domains',
        'url_check.Profile default pass ALL',
        'url_check.DefaultAction pass HttpHeaderReplace X-Checked-By url_check',
      ],
    });
    weir = await startTestWeir({
      adaptation: {
        services: { urls: { url: server.url('url_check') } },
        rules: [
          { point: 'reqmod', use: ['urls'] },
          { point: 'respmod', use: ['sandblast'] },
        ],
      },
    });
  });
  afterAll(async () => {
    for (const part of [weir, origin, plain, server, folder]) await part[Symbol.asyncDispose]();
  });

  const at = (host: string, path: string): string => `https://${host}:${origin.port}${path}`;
  const logged = async (path: string) =>
    (await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path)))[0];

  test.each([
    ['a host', 'denied.origin.test', '/of-host', 'Denied hosts'],
    ['a domain', 'chess.games.test', '/of-domain', 'Games'],
    ['a host, whatever the query', 'denied.origin.test', '/of-query?a=https://origin.test/', 'Denied hosts'],
  ])('K-50 its page comes in place of %s on a list', async (_, host, path, list) => {
    const { status, body, header } = await weir.curl(at(host, path));
    expect(status).toBe(403);
    expect(body.toString()).toContain('Access denied');
    expect(body.toString()).toContain(list);
    expect(header('Content-Type')).toMatch(/^text\/html/);
    expect(origin.requests.filter(({ url }) => url === path)).toEqual([]);
    expect(await logged(path)).toMatchObject({
      ...{ verdict: 'blocked', status: 403 },
      adaptation: [{ service: 'urls', method: 'REQMOD', icapStatus: 200, verdict: 'blocked' }],
    });
  });

  test('K-50 its page comes in place of a plain http request as well', async () => {
    const { status, body } = await weir.curl(`http://denied.origin.test:${plain.port}/plain`);
    expect([status, body.includes('Access denied')]).toEqual([403, true]);
    expect(plain.requests).toHaveLength(0);
  });

  test.each([
    ['without a body', 0],
    ['with a body beyond any preview', 300_000],
  ])('K-51 what is on no list passes %s, with the field that url_check sets', async (_, bytes) => {
    const path = `/passes-${bytes}`;
    const upload =
      bytes === 0 ? [] : ['--data-binary', `@${await folder.write('upload', 'u'.repeat(bytes))}`];
    const { status, body } = await weir.curl(...upload, at('origin.test', path));
    expect([status, body.toString()]).toEqual([200, `${path} ${bytes} url_check`]);
    expect(await logged(path)).toMatchObject({ status: 200 });
  });

  // c-icap 0.5.10 reads what follows its 100 once, then sends the head of its page and closes: of an upload
  // that is longer our client sees a service that broke off.
  test.each([
    ['short', 100, [403]],
    ['long', 1_000_000, [403, 502]],
  ])('K-50 K-60 nothing of a %s upload to a denied host is sent on', async (kind, bytes, statuses) => {
    const path = `/upload-${kind}`;
    const upload = await folder.write(kind, 'u'.repeat(bytes));
    const { status, body } = await weir.curl('--data-binary', `@${upload}`, at('denied.origin.test', path));
    expect(statuses).toContain(status);
    expect(body.toString()).toMatch(status === 403 ? /Access denied/ : /ERR_ADAPT_\w+/);
    expect(origin.requests.filter(({ url }) => url === path)).toEqual([]);
    expect(await logged(path)).toMatchObject({ status, verdict: status === 403 ? 'blocked' : 'error' });
  });

  test('the own gateway still judges the responses of what it lets pass', async () => {
    await using bad = await originServer((_, response) => void response.end(eicar()), { tls: true });
    const { status, body } = await weir.curl(`https://origin.test:${bad.port}/eicar`);
    expect([status, body.includes('EICAR-Test-File')]).toEqual([403, true]);
  });
});
