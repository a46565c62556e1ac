// Requests that a client sends on the connection of another host, because the certificate is good for both.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fetchH2 } from '../../http2/http2-server.ts';
import { connectThrough } from '../../support/rawClient.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';
import { type Http2Origin, http2Origin, http2Through } from './origins.ts';

let weir: LocalWeir;
let origin: Http2Origin;

beforeAll(async () => {
  weir = await startTestWeir();
  origin = await http2Origin((stream) => {
    stream.respond({ ':status': 200 });
    stream.end('page');
  });
});
afterAll(async () => {
  for (const part of [weir, origin]) await part?.[Symbol.asyncDispose]();
});

test('RFC 9113 9.1.2 answers 421 to a neighbour of the host, which has a tunnel of its own to go through', async () => {
  const authority = `www.origin.test:${origin.port}`;
  const socket = await connectThrough(weir.proxyPort, authority, { ca: weir.ca, alpn: ['h2'] });
  expect(socket.getPeerCertificate().subjectaltname).toContain('DNS:*.origin.test'); // it is good for both
  socket.destroy();
  const session = await http2Through(weir, origin.port);
  const served = origin.served.http2;
  const other = await fetchH2(session, { ':path': '/', ':authority': `mail.origin.test:${origin.port}` });
  expect([other.status, origin.served.http2 - served]).toEqual([421, 0]);
  const own = await fetchH2(session, { ':path': '/', ':authority': `WWW.origin.test:${origin.port}` });
  expect([own.status, own.body.toString()]).toEqual([200, 'page']); // the connection goes on
  session.close();
  const [record] = await weir.logged(({ error }) => error?.code === 'ERR_PROXY_MISDIRECTED');
  expect(record!.url).toBe(`https://mail.origin.test:${origin.port}/`);
});
