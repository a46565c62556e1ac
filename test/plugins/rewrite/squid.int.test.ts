// Banners all the way: through Squid, which keeps its page by 206, and through Weir's own proxy; pages of origins
// that send them with a length, in chunks and packed. Once in front, and every other byte as it was; and together
// with what another blade changes of the same message.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { curl } from '../../support/curl.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { startSquid, type Squid } from '../../support/peers/squid.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';
import { defectsOf, membersOf, office, WORD_PARTS } from '../cdr/documents.ts';

const BANNER = '<div>Staging</div>';
const START = '<!doctype html><html><head><title>t</title></head><body class="a">';
const page = (bytes: number): Buffer =>
  Buffer.concat([
    Buffer.from(START),
    Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 31) % 251)),
    Buffer.from('</body></html>'),
  ]);
const PAGES: Readonly<Record<string, Buffer>> = {
  '/short': page(10),
  '/preview': page(4096 - START.length - 14), // no more than the gateway asks for as a preview
  '/spooled': page(100_000),
};
const DOCUMENT = office(WORD_PARTS);
const PIECE = 8000; // bytes

/** Squid before 6 stalls when a response outruns the service (its bug 5352), so the origin takes its time. */
async function sendPaced(response: ServerResponse, body: Buffer): Promise<void> {
  for (let at = 0; at < body.length; at += PIECE) {
    if (!response.write(body.subarray(at, at + PIECE))) await once(response, 'drain');
    if (at + PIECE < body.length) await pause(6);
  }
  response.end();
}

describeWithPeer(['squid'], () => {
  let origin: OriginServer;
  let weir: LocalWeir;
  let squid: Squid;

  beforeAll(async () => {
    origin = await originServer((request, response) => {
      const [path, query = ''] = request.url!.split('?');
      const whole = PAGES[path!];
      if (whole === undefined) {
        response.setHeader('Server', 'secret/1.0');
        return void response.end(DOCUMENT);
      }
      const body = query.includes('gzip') ? gzipSync(whole) : whole;
      response.setHeader('Content-Type', 'text/html');
      if (query.includes('gzip')) response.setHeader('Content-Encoding', 'gzip');
      if (!query.includes('chunked')) response.setHeader('Content-Length', body.length);
      void sendPaced(response, body);
    });
    weir = await startTestWeir({
      plugins: [
        { use: './plugins/cdr' },
        {
          use: './plugins/rewrite',
          with: {
            rules: [
              { banner: { html: BANNER } },
              { headers: { remove: ['Server'], set: { 'X-Seen': 'yes' } } },
            ],
          },
        },
      ],
      profiles: {
        changing: { base: 'optimized', blades: { cdr: { enabled: true }, rewrite: { enabled: true } } },
      },
      gateway: { services: { sandblast: { profile: 'changing' } } },
    });
    squid = await startSquid({
      respmod: `icap://127.0.0.1:${weir.gatewayPort}/sandblast`,
      allow206: true,
      bump: false,
    });
  });
  afterAll(async () => {
    for (const part of [squid, weir, origin]) await part?.[Symbol.asyncDispose]();
  });

  const through = {
    squid: (url: string) => curl(['--proxy', `http://127.0.0.1:${squid.port}`, url]),
    weir: (url: string) => weir.curl(url),
  };
  const cases = (['squid', 'weir'] as const).flatMap((way) =>
    Object.keys(PAGES).flatMap((path) =>
      ['', '?chunked', '?gzip', '?gzip,chunked'].map((query) => [way, `${path}${query}`] as const),
    ),
  );

  test.each(cases)(
    'C-61 through %s the page %s has the banner once, and all other bytes',
    async (way, target) => {
      const { status, body, header } = await through[way](`${origin.url}${target}`);
      const content = header('content-encoding') === 'gzip' ? gunzipSync(body) : body;
      const expected = PAGES[target.split('?')[0]!]!;
      const text = content.toString('latin1');
      expect([status, header('x-seen'), text.split(BANNER).length]).toEqual([200, 'yes', 2]);
      expect(text.startsWith(START + BANNER)).toBe(true);
      const rest = Buffer.concat([
        content.subarray(0, START.length),
        content.subarray(START.length + BANNER.length),
      ]);
      expect(rest.equals(expected)).toBe(true);
      if (header('content-length') !== undefined) expect(Number(header('content-length'))).toBe(body.length);
    },
  );

  test('C-61 Squid keeps what it has: a page within its preview is answered with 206', async () => {
    const [record] = await weir.logged(
      ({ icapStatus, url }) => icapStatus === 206 && url.endsWith('/preview'),
    );
    expect(record).toMatchObject({ verdict: 'modified' });
  });

  test.each(['squid', 'weir'] as const)(
    'through %s two blades change one message: its document and its header',
    async (way) => {
      const { status, body, header } = await through[way](`${origin.url}/a.docm`);
      expect([status, header('server'), header('x-seen')]).toEqual([200, undefined, 'yes']);
      expect(header('content-length')).toBe(String(body.length));
      const members = membersOf(body);
      expect([defectsOf(members), members.has('word/vbaProject.bin')]).toEqual([[], false]);
    },
  );
});
