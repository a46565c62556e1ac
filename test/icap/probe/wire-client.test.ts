import { describe, expect, test } from '@jest/globals';
import { parseIcapUrl, WireClient } from '../../../src/icap/probe/wire-client.ts';
import { freePort } from '../../support/supervised.ts';
import { newTestCa, testCa } from '../../support/testCa.ts';
import { PROBE, rawServer } from './raw-server.ts';

const NO_CONTENT = 'ICAP/1.0 204 No Content\r\nISTag: "t"\r\n\r\n';

test('all bytes of both directions are recorded in order', async () => {
  await using server = await rawServer(async (peer) => {
    await peer.take('ping');
    peer.send(NO_CONTENT);
  });
  const client = await server.connect();
  await client.send('ping');
  await client.readResponse({ method: 'REQMOD' });
  const { entries, omitted } = client.transcript;
  expect(entries.map(({ direction, bytes }) => [direction, bytes.toString()])).toEqual([
    ['sent', 'ping'],
    ['received', NO_CONTENT],
  ]);
  expect(entries[0]!.atMs).toBeLessThanOrEqual(entries[1]!.atMs);
  expect(omitted).toEqual({ sent: 0, received: 0 });
});

test('the transcript keeps maxBytes of each direction and counts the rest', async () => {
  await using server = await rawServer(async (peer) => {
    await peer.take('123456');
    peer.send(NO_CONTENT);
    peer.end();
  });
  const client = await server.connect({ maxBytes: 4 });
  await client.send('123456');
  await client.readResponse({ method: 'REQMOD' });
  const kept = client.transcript.entries.map(({ bytes }) => bytes.toString());
  expect(kept).toEqual(['1234', 'ICAP']);
  expect(client.transcript.omitted).toEqual({ sent: 2, received: NO_CONTENT.length - 4 });
});

test('a 100 and the final answer in one packet are two responses', async () => {
  await using server = await rawServer((peer) =>
    peer.send('ICAP/1.0 100 Continue\r\n\r\n', NO_CONTENT, 'more'),
  );
  const client = await server.connect();
  expect(await client.readResponse({ method: 'REQMOD', preview: true })).toMatchObject({ status: 100 });
  expect(await client.readResponse({ method: 'REQMOD' })).toMatchObject({ status: 204 });
  expect(client.unreadBytes).toBe(4);
});

test('bytes can be sent in pieces', async () => {
  await using server = await rawServer(async (peer) => {
    await peer.take('abcde');
    peer.send(NO_CONTENT);
  });
  const client = await server.connect();
  await client.sendSlowly('abcde', 2, 1);
  const pieces = client.transcript.entries.map(({ bytes }) => bytes.toString());
  expect(pieces.slice(0, 3)).toEqual(['ab', 'cd', 'e']);
  await client.readResponse({ method: 'REQMOD' });
});

test('what comes until the end of the connection can be had as it is', async () => {
  await using server = await rawServer((peer) => {
    peer.send('anything');
    peer.end();
  });
  const client = await server.connect();
  expect(client.closedByPeer).toBe(false);
  expect((await client.readUntilClose(5000)).toString()).toBe('anything');
  expect(client.closedByPeer).toBe(true);
});

test('waiting for an end that does not come fails in time', async () => {
  await using server = await rawServer((peer) => peer.send('x'));
  const client = await server.connect();
  await expect(client.readUntilClose(50)).rejects.toMatchObject({ code: 'ERR_PROBE_TIMEOUT' });
  expect(client.closedByPeer).toBe(false);
});

test('a server that still reads after our end can answer', async () => {
  await using server = await rawServer(async (peer) => {
    await peer.closed();
    peer.send(NO_CONTENT);
  });
  const client = await server.connect();
  await client.send('x');
  client.end();
  expect(await client.readResponse({ method: 'REQMOD' })).toMatchObject({ status: 204 });
});

test('a reset is told as one', async () => {
  await using server = await rawServer(async (peer) => {
    await peer.until('x');
    peer.socket.resetAndDestroy();
  });
  const client = await server.connect();
  await client.send('x');
  await expect(client.readResponse({ method: 'REQMOD' })).rejects.toMatchObject({
    code: 'ERR_PROBE_CLOSED',
    message: expect.stringContaining('reset'),
  });
  await expect(client.send('y')).rejects.toMatchObject({ code: 'ERR_PROBE_CLOSED' });
});

test('a server that takes nothing fails the sending in time', async () => {
  await using server = await rawServer((peer) => void peer.socket.pause());
  const client = await server.connect({ readTimeoutMs: 100 });
  await expect(client.send(Buffer.alloc(64 * 1024 * 1024))).rejects.toMatchObject({
    code: 'ERR_PROBE_TIMEOUT',
  });
});

describe('connecting', () => {
  test('to a port where nobody listens is refused in words', async () => {
    const target = parseIcapUrl(`icap://127.0.0.1:${await freePort()}/`);
    await expect(WireClient.connect(target, PROBE)).rejects.toMatchObject({
      code: 'ERR_PROBE_CONNECT',
      message: expect.stringContaining('nothing listens there'),
    });
  });

  test('to a Unix socket that is not there says so', async () => {
    const target = { ...parseIcapUrl('icap://h/'), socketPath: '/nonexistent/icap.sock' };
    await expect(WireClient.connect(target, PROBE)).rejects.toMatchObject({
      code: 'ERR_PROBE_CONNECT',
      message: expect.stringContaining('/nonexistent/icap.sock: the socket does not exist'),
    });
  });

  test('with TLS trusts the CA that it is given and no other', async () => {
    await using server = await rawServer((peer) => peer.send(NO_CONTENT), { tls: true });
    const target = parseIcapUrl(`icaps://localhost:${server.port}/`);
    const { cert: ca } = await testCa();
    const client = await WireClient.connect(target, { ...PROBE, tls: { ca } });
    expect(await client.readResponse({ method: 'REQMOD' })).toMatchObject({ status: 204 });
    expect(client.tlsMs).toBeGreaterThan(0);
    client.close();
    await expect(WireClient.connect(target, PROBE)).rejects.toMatchObject({
      code: 'ERR_PROBE_TLS',
      message: expect.stringContaining('certificate cannot be verified'),
    });
    const other = await newTestCa('another');
    await expect(WireClient.connect(target, { ...PROBE, tls: { ca: other.cert } })).rejects.toMatchObject({
      code: 'ERR_PROBE_TLS',
    });
    (await WireClient.connect(target, { ...PROBE, tls: { insecure: true } })).close();
  });

  test('with TLS sends the client certificate', async () => {
    const ca = await testCa();
    const tls = { requestCert: true, ca: ca.cert, rejectUnauthorized: true };
    await using server = await rawServer((peer) => peer.send(NO_CONTENT), { tls });
    const { key, cert } = await ca.issue(['client.test']);
    const target = parseIcapUrl(`icaps://localhost:${server.port}/`);
    const client = await WireClient.connect(target, { ...PROBE, tls: { ca: ca.cert, key, cert } });
    expect(await client.readResponse({ method: 'REQMOD' })).toMatchObject({ status: 204 });
    client.close();
  });

  test('with TLS to a port that speaks plain ICAP says so', async () => {
    await using server = await rawServer((peer) => {
      peer.send('ICAP/1.0 400 Bad Request\r\n\r\n');
    });
    const target = parseIcapUrl(`icaps://127.0.0.1:${server.port}/`);
    await expect(WireClient.connect(target, PROBE)).rejects.toMatchObject({
      code: 'ERR_PROBE_TLS',
      message: expect.stringContaining('use icap:// instead'),
    });
  });

  test('with TLS to a silent port fails in time', async () => {
    await using server = await rawServer(() => {});
    const target = parseIcapUrl(`icaps://127.0.0.1:${server.port}/`);
    await expect(WireClient.connect(target, { ...PROBE, connectTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'ERR_PROBE_TIMEOUT',
    });
  });
});
