// c-icap's content_filtering as the service that judges responses of our proxy: pages that score too high
// give way to its own page, words are replaced, fields are added, and everything else passes as it is. It
// allows no 204 beyond its preview, so pages that pass come back whole.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { type CIcap, startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

const FILLING = 'a line of nothing in particular\n'.repeat(8000); // 256 KB, far beyond the preview
const PAGES: Readonly<Record<string, readonly [type: string, body: Buffer]>> = {
  '/clean': ['text/html', Buffer.from(`<p>nothing of interest</p>${FILLING}`)],
  '/short': ['text/html', Buffer.from('<p>nothing</p>')],
  '/empty': ['text/html', Buffer.alloc(0)],
  '/named': ['text/html', Buffer.from('<p>a gamble</p>')],
  '/replaced': ['text/html', Buffer.from('<p>this gamble and that gamble</p>')],
  '/blocked': ['text/html', Buffer.from('<p>gamble gamble gamble gamble</p>')],
  '/blocked-late': ['text/html', Buffer.from(`${FILLING}<p>gamble gamble gamble gamble</p>`)],
  '/blocked-gzip': ['text/html', gzipSync(`${FILLING}<p>gamble gamble gamble gamble</p>`)],
  '/binary': ['application/octet-stream', Buffer.from('gamble gamble gamble gamble')],
  '/large-binary': ['application/octet-stream', randomBytes(1_000_000)],
};

describeWithPeer(['c-icap', 'content_filtering', 'curl'], () => {
  let server: CIcap;
  let origin: OriginServer;
  let weir: TestWeir;

  beforeAll(async () => {
    server = await startCIcap({
      config: [
        'Service srv_cfg_filter srv_content_filtering.so',
        'srv_content_filtering.MaxBodyData 4M',
        'srv_content_filtering.Match Gambling body /(gamble)/ig score=10 info{Word}=******',
        'srv_content_filtering.Action block score{Gambling>35}',
        'srv_content_filtering.Action replace score{Gambling>15} replaceInfo=Word',
        'srv_content_filtering.Action add_header score{Gambling>5} "X-Score: gambling"',
      ],
    });
    origin = await originServer(
      (request, response) => {
        const [type, body] = PAGES[request.url!]!;
        const coding = request.url!.includes('gzip') ? { 'content-encoding': 'gzip' } : {};
        response.writeHead(200, { 'content-type': type, 'content-length': body.length, ...coding });
        response.end(body);
      },
      { tls: true },
    );
    weir = await startTestWeir({
      adaptation: {
        services: { words: { url: server.url('srv_content_filtering') } },
        rules: [{ point: 'respmod', use: ['words'] }],
      },
    });
  });
  afterAll(async () => {
    for (const part of [weir, origin, server]) await part[Symbol.asyncDispose]();
  });

  const get = (path: string) => weir.curl(origin.url + path);
  const verdictOf = async (path: string) => {
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path));
    return record!;
  };

  test.each(['/clean', '/short', '/empty', '/binary', '/large-binary'])(
    '%s passes as it is',
    async (path) => {
      const { status, body } = await get(path);
      expect(status).toBe(200);
      expect(body.equals(PAGES[path]![1])).toBe(true);
      expect(['allowed', 'modified']).toContain((await verdictOf(path)).verdict);
    },
  );

  test.each(['/blocked', '/blocked-late', '/blocked-gzip'])(
    'K-62 its page comes in place of %s',
    async (path) => {
      const { status, body } = await get(path);
      expect(status).toBe(403);
      expect(body.toString()).toContain('Web page access blocked');
      expect(body.toString()).toContain('Gambling');
      expect(await verdictOf(path)).toMatchObject({
        ...{ verdict: 'blocked', status: 403 },
        adaptation: [{ service: 'words', method: 'RESPMOD', icapStatus: 200, verdict: 'blocked' }],
      });
    },
  );

  test('K-30 words are replaced, and the length that the client is told is the new one', async () => {
    const { status, body, header } = await get('/replaced');
    expect(status).toBe(200);
    expect(body.toString()).toBe('<p>this ****** and that ******</p>');
    expect(header('X-Score')).toBe('gambling');
    expect(await verdictOf('/replaced')).toMatchObject({ verdict: 'modified' });
  });

  test('K-30 a field is added, and the body stays', async () => {
    const { status, body, header } = await get('/named');
    expect([status, body.toString(), header('X-Score')]).toEqual([200, '<p>a gamble</p>', 'gambling']);
  });
});
