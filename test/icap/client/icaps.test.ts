import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { Body } from '../../../src/http/body.ts';
import { HeldBody } from '../../../src/http/held-body.ts';
import { IcapServiceClient } from '../../../src/icap/client/service-client.ts';
import { IcapServer } from '../../../src/icap/server/server.ts';
import type { IcapService } from '../../../src/icap/service.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import { testCa } from '../../support/testCa.ts';

const echo: IcapService = {
  path: '/echo',
  methods: ['RESPMOD'],
  describe: () => ({ istag: 'e', preview: 16, optionsTtlSeconds: 60, maxConnections: null }),
  handle: async (transaction) => {
    await transaction.body?.hold();
    return { kind: 'unmodified' };
  },
};

test('an icaps service is reached over TLS that a given CA vouches for', async () => {
  const server = new IcapServer({
    services: { istag: 's', find: (path) => (path === '/echo' ? echo : undefined) },
  });
  const plain = await server.listen(0, '127.0.0.1');
  const ca = await testCa();
  const { key, cert } = await ca.issue(['localhost']);
  const front = createServer({ key, cert }, (socket) => {
    const inner = connect(plain.port, '127.0.0.1');
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  }).listen(0);
  await once(front, 'listening');
  const client = new IcapServiceClient({
    name: 'secure',
    secure: true,
    host: 'localhost',
    port: (front.address() as AddressInfo).port,
    path: '/echo',
    timeoutMs: 5000,
    connectTimeoutMs: 5000,
    userAgent: 'test',
    tls: { ca: [ca.cert] },
  });
  const request = { method: 'GET', target: 'https://a.test/', version: '1.1', headers: ['Host', 'a.test'] };
  const body = Buffer.alloc(100_000, 'x');
  const adaptation = await client.adapt({
    method: 'RESPMOD',
    request,
    requestText: 'GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    response: { version: '1.1', status: 200, reason: 'OK', headers: [] },
    body: new HeldBody(Body.of(body)),
    clientIp: null,
    serverIp: null,
    user: null,
    cancellation: new Cancellation(),
  });
  expect(adaptation.icapStatus).toBe(204);
  expect(adaptation.body!.queuedBytes + adaptation.body!.pushedBytes).toBeGreaterThan(0);
  adaptation.body!.cancel();
  client.close();
  front.close();
  await server.close(0);
});
