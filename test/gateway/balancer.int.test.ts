// The gateway behind a real balancer that names its clients with the PROXY protocol.

import { expect, test } from '@jest/globals';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { startHAProxy } from '../support/peers/haproxy.ts';
import { connect } from 'node:net';
import { once } from 'node:events';
import { rawClient, rawClientOn } from '../support/rawClient.ts';
import { testCa } from '../support/testCa.ts';
import { tempDir } from '../support/tempDir.ts';
import { freePort } from '../support/supervised.ts';
import { startTestWeir } from '../support/weir.ts';

const REQMOD =
  'REQMOD icap://h/echo ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: req-hdr=0, null-body=45\r\n\r\nGET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
const CLIENT = '127.5.5.5'; // HAProxy takes it for another machine

describeWithPeer('haproxy', () => {
  test.each(['send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options crc32c,unique-id'])(
    '%s: the client is logged and allowed by its own address',
    async (server) => {
      const port = await freePort();
      await using weir = await startTestWeir({
        gateway: {
          listen: [{ listen: `127.0.0.1:${port}`, proxyProtocol: ['127.0.0.1'] }],
          allow: ['127.5.0.0/16'],
        },
      });
      await using balancer = await startHAProxy({ to: port, server });
      await using client = await rawClientFrom(CLIENT, balancer.port);
      client.send(REQMOD + REQMOD);
      await client.until(/204[^]*204/);
      const records = await weir.logged(({ kind }) => kind === 'gateway', 2);
      expect(records.map(({ icapClient }) => icapClient)).toEqual([CLIENT, CLIENT]);

      await using stranger = await rawClient(balancer.port);
      stranger.send(REQMOD);
      await stranger.until('403 Forbidden: 127.0.0.1 is not in gateway.allow');
    },
  );

  test('TLS goes through behind the header', async () => {
    const port = await freePort();
    const ca = await testCa();
    await using folder = await tempDir();
    const { cert, key } = await ca.issue(['localhost']);
    const files = { cert: await folder.write('cert', cert), key: await folder.write('key', key) };
    await using weir = await startTestWeir({
      gateway: { listen: [{ listen: `127.0.0.1:${port}`, tls: files, proxyProtocol: ['127.0.0.1'] }] },
    });
    await using balancer = await startHAProxy({ to: port, server: 'send-proxy-v2' });
    const tls = { ca: ca.cert, servername: 'localhost', localAddress: CLIENT };
    await using client = await rawClient(balancer.port, { tls });
    client.send(REQMOD);
    await client.until('204');
    const [record] = await weir.logged(({ kind }) => kind === 'gateway');
    expect(record).toMatchObject({ icapClient: CLIENT });
  });

  test('health checks are taken for what they are', async () => {
    const port = await freePort();
    await using weir = await startTestWeir({
      gateway: {
        listen: [{ listen: `127.0.0.1:${port}`, proxyProtocol: ['127.0.0.1'] }],
        allow: ['192.0.2.0/24'],
      },
    });
    await using balancer = await startHAProxy({ to: port, server: 'send-proxy-v2 check' });
    const until = Date.now() + 10_000;
    while ((await balancer.state()) !== 'UP' && Date.now() < until)
      await new Promise((go) => setImmediate(go));
    expect(await balancer.state()).toBe('UP');
    expect(weir.log().filter(({ level }) => level === 'warn')).toEqual([]);
  });
});

/** A client whose own address is another loopback one. */
async function rawClientFrom(localAddress: string, port: number) {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  await once(socket, 'connect');
  return rawClientOn(socket);
}
