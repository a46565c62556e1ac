// One HTTP/2 connection to an origin: its room, its sign of life, and its end.

import { once } from 'node:events';
import tls from 'node:tls';
import { expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { OriginRequest } from '../../../src/proxy/origin/engine.ts';
import { Http2OriginSession } from '../../../src/proxy/origin/h2-session.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import { Deadlines } from '../../../src/util/deadlines.ts';
import { rawOrigin } from '../../support/originServer.ts';
import { http2Origin } from '../http2/origins.ts';

interface Opened {
  readonly session: Http2OriginSession;
  readonly retired: Promise<void>;
  request(body?: Body | null): OriginRequest;
}

async function open(port: number): Promise<Opened> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const target = { secure: true, host: '127.0.0.1', port, serverName: 'www.origin.test' };
  let session: Http2OriginSession | null = null;
  const retired = new Promise<void>((resolve) => {
    session = new Http2OriginSession(socket, {
      target,
      way: { address: '127.0.0.1', tls: 'TLSv1.3', connectMs: 1, protocol: 'HTTP/2' },
      serverIp: '127.0.0.1',
      windowBytes: 64 * 1024,
      responseTimeoutMs: 5000,
      deadlines: new Deadlines(),
      onRoom: () => {},
      onRetired: () => resolve(),
    });
  });
  const request = (body: Body | null = null): OriginRequest => ({
    target,
    head: {
      method: body === null ? 'GET' : 'POST',
      target: '/',
      version: '1.1',
      headers: ['Host', 'a.test'],
    },
    body,
    contentLength: null,
    trailer: null,
    upgrade: null,
    cancellation: new Cancellation(),
    onInformation: () => {},
  });
  return { session: session!, retired, request };
}

test('tells a connection that lives', async () => {
  await using origin = await http2Origin((stream) => stream.respond({ ':status': 200 }, { endStream: true }));
  const { session, retired, request } = await open(origin.port);
  expect(await Promise.all([session.isAlive(), session.isAlive()])).toEqual([true, true]);
  expect(session.quietMs).toBeLessThan(1000);
  const { head, body, framing } = await session.send(request());
  expect([head.status, body, framing.kind]).toEqual([200, null, 'none']);
  session.close();
  await retired;
  expect(session.hasRoom).toBe(false);
});

test('from one whose origin has gone silent, and gives that up', async () => {
  await using origin = await rawOrigin((socket) => socket.resume(), { tls: { ALPNProtocols: ['h2'] } });
  const { session, retired } = await open(origin.port);
  expect(await session.isAlive()).toBe(false);
  await retired;
  expect(session.hasRoom).toBe(false);
});

test('a request whose client gave up before it was sent, or goes up at a closed session, ends at once', async () => {
  await using origin = await http2Origin(() => {});
  const { session, request } = await open(origin.port);
  const given = request();
  given.cancellation.cancel(new Error('given up'));
  await expect(session.send(given)).rejects.toThrow('given up');
  expect(session.open).toBe(0);
  session.close();
  await expect(session.send(request())).rejects.toMatchObject({
    code: 'ERR_ORIGIN_CLOSED',
    fields: { unprocessed: true },
  });
  expect(session.open).toBe(0);
});

test('a request body that fails cancels the stream, and the request', async () => {
  await using origin = await http2Origin(() => {});
  const { session, request } = await open(origin.port);
  const body = new Body();
  const sent = session.send(request(body));
  body.push(Buffer.from('some'));
  body.fail(new Error('the client has gone'));
  await expect(sent).rejects.toThrow('the client has gone');
  session.close();
});
