// The generator against whole servers: Debian's c-icap, our own gateway, and one behind TLS.

import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { expect, test } from '@jest/globals';
import { loadEndpoint } from '../../../src/icap/load/endpoint.ts';
import { LoadGenerator } from '../../../src/icap/load/generator.ts';
import { loadMessage, type LoadMessageOptions, sampleBody } from '../../../src/icap/load/message.ts';
import { startCIcap } from '../../support/peers/c-icap.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { testCa } from '../../support/testCa.ts';
import { startTestWeir } from '../../support/weir.ts';
import { load, type RunOptions } from './load-lab.ts';

const KIB = 1024;

/** Every shape of exchange; a 200 must bring the body that was sent. */
const SHAPES: readonly (readonly [string, Partial<LoadMessageOptions>])[] = [
  ['OPTIONS', { method: 'OPTIONS' }],
  ['REQMOD without body', { method: 'REQMOD' }],
  ['REQMOD with body', { method: 'REQMOD', body: sampleBody(3000), preview: 1024 }],
  ['RESPMOD that fits the preview', { body: sampleBody(1000), preview: 1024 }],
  ['RESPMOD with preview', { body: sampleBody(64 * KIB), preview: 1024 }],
  ['RESPMOD with a preview of nothing', { body: sampleBody(2000), preview: 0 }],
  ['RESPMOD without preview, 204 allowed', { body: sampleBody(64 * KIB) }],
  ['RESPMOD without preview and 204', { body: sampleBody(64 * KIB), allow204: false }],
  ['RESPMOD of 1 MiB without 204', { body: sampleBody(KIB * KIB), allow204: false }],
];

const at = (port: number, message: Partial<LoadMessageOptions>): Partial<LoadMessageOptions> => ({
  ...message,
  target: { host: '127.0.0.1', port, secure: false, path: '/echo', user: '', password: '' },
});

const run = (requests: number): RunOptions => ({ requests, connections: 4, expected: { sameBody: true } });

describeWithPeer('c-icap', () => {
  test('every shape of exchange is answered rightly by c-icap, which says 204 to every other preview', async () => {
    await using server = await startCIcap();
    const reports: Record<string, unknown> = {};
    for (const [shape, message] of SHAPES) {
      const report = await load(server.port, { ...run(40), message: at(server.port, message) });
      reports[shape] = report;
      expect({ shape, ...report }).toMatchObject({ shape, exchanges: 40, failed: 0, changed: 0, errors: [] });
    }
    expect(reports['RESPMOD with preview']).toMatchObject({ continues: 20, statuses: { 200: 20, 204: 20 } });
  });
});

test('every shape of exchange is answered rightly by our own gateway', async () => {
  await using weir = await startTestWeir({ gateway: { services: { echo: {} } } });
  for (const [shape, message] of SHAPES) {
    const report = await load(weir.gatewayPort, { ...run(40), message: at(weir.gatewayPort, message) });
    expect({ shape, ...report }).toMatchObject({ shape, exchanges: 40, failed: 0, changed: 0, errors: [] });
  }
});

test('icaps: many connections share the trust that was given, and a stranger is refused', async () => {
  await using weir = await startTestWeir();
  const ca = await testCa();
  const front = createServer(await ca.issue(['localhost']), (socket) => {
    const inner = connect(weir.gatewayPort, '127.0.0.1');
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
  const { port } = front.address() as AddressInfo;
  const target = { host: 'localhost', port, secure: true, path: '/echo', user: '', password: '' };
  const generator = (trust: { ca?: string; insecure?: boolean }): LoadGenerator =>
    new LoadGenerator({
      endpoint: loadEndpoint(target, '127.0.0.1', trust),
      message: loadMessage({
        ...{ method: 'RESPMOD', target, url: 'http://a.test/', body: sampleBody(100_000), preview: 1024 },
        ...{ contentType: 'text/plain', allow204: false, allow206: false, icapHeaders: [], httpHeaders: [] },
      }),
      connections: 4,
      expected: { statuses: null, sameBody: true },
      connectTimeoutMs: 5000,
    });
  try {
    for (const trust of [{ ca: ca.cert }, { insecure: true }]) {
      const trusting = generator(trust);
      await trusting.open();
      const plan = { requests: 40, durationMs: 60_000, rate: null, timeoutMs: 10_000 };
      expect(await trusting.run(plan)).toMatchObject({ exchanges: 40, failed: 0 });
      trusting.close();
    }
    await expect(generator({}).open()).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
  } finally {
    front.close();
  }
});

test('a certificate or key that cannot be used is named before anything is opened', () => {
  expect(() =>
    loadEndpoint({ host: 'a.test', port: 1, secure: true }, '127.0.0.1', { cert: 'x', key: 'y' }),
  ).toThrow(expect.objectContaining({ code: 'ERR_PROBE_TLS' }));
});
