// nginx as the origin of HTTP/2: files both ways, and its GOAWAY after so many requests on a connection.

import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { fetchH2 } from '../../http2/http2-server.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { startHttp2Nginx } from '../../support/peers/nginx-http2.ts';
import { startTestWeir } from '../../support/weir.ts';
import { http2Through } from './origins.ts';

describeWithPeer('nginx', () => {
  test('files come by HTTP/2, also past the requests that nginx serves on one connection', async () => {
    const small = Buffer.from('small');
    const large = randomBytes(8 * 1024 * 1024);
    await using origin = await startHttp2Nginx({ small, large }, [
      'keepalive_requests 50;',
      'http2_max_concurrent_streams 16;',
    ]);
    await using weir = await startTestWeir({ adaptation: { rules: [] } });
    const session = await http2Through(weir, origin.port);
    const got = await fetchH2(session, { ':path': '/large' });
    expect([got.status, got.headers['x-protocol'], got.body.equals(large)]).toEqual([200, 'HTTP/2.0', true]);
    const all = await Promise.all(Array.from({ length: 120 }, () => fetchH2(session, { ':path': '/small' })));
    expect(new Set(all.map(({ status, headers }) => `${status} ${String(headers['x-protocol'])}`))).toEqual(
      new Set(['200 HTTP/2.0']),
    );
    expect(all.every(({ body }) => body.equals(small))).toBe(true);
    const missing = await fetchH2(session, { ':path': '/missing', ':method': 'HEAD' });
    expect([missing.status, missing.body.length]).toEqual([404, 0]);
    session.close();
  });

  test('curl --http2 loads from it through a scanning proxy', async () => {
    await using origin = await startHttp2Nginx({ 'page.html': Buffer.from('<p>page</p>') });
    await using weir = await startTestWeir();
    const got = await weir.curl('-s', '--http2', `https://www.origin.test:${origin.port}/page.html`);
    expect([got.status, got.body.toString()]).toEqual([200, '<p>page</p>']);
    expect(got.headers).toContain('HTTP/2 200');
  });
});
