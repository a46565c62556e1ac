// How the client uses its connections: reuse, repetition, waiting in line, time limits, loss.

import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import type net from 'node:net';
import { Body } from '../../../src/http/body.ts';
import type { WeirError } from '../../../src/errors.ts';
import { HttpError } from '../../../src/errors.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import { freePort } from '../../support/supervised.ts';
import {
  bodyOf,
  CONTINUE,
  NO_CONTENT,
  optionsAnswer,
  PAGE_START,
  respmod,
  scriptedIcap,
} from './scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');
const LONG = Buffer.alloc(300_000, 'long page ');

test('exchanges follow each other on one connection', async () => {
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
  const client = server.client();
  for (let i = 0; i < 20; i++) await bodyOf(await client.adapt(respmod(i % 2 === 0 ? TEXT : null)));
  expect(server.connections()).toBe(1);
});

test('K-20 a message is repeated once when the reused connection turns out to be dead', async () => {
  await using server = await scriptedIcap((peer, _request, index) => {
    if (index === 1) peer.socket.destroy();
    else peer.send(NO_CONTENT);
  });
  const client = server.client();
  await bodyOf(await client.adapt(respmod(TEXT)));
  const adaptation = await client.adapt(respmod(LONG));
  expect((await bodyOf(adaptation)).equals(LONG)).toBe(true);
  expect(server.connections()).toBe(2);
});

test('K-20 a message is not repeated twice, and not on a fresh connection', async () => {
  let requests = 0;
  await using server = await scriptedIcap((peer) => {
    requests++;
    if (requests === 1) return peer.send(NO_CONTENT);
    peer.socket.destroy();
  });
  const client = server.client();
  await bodyOf(await client.adapt(respmod(TEXT)));
  await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
  expect(requests).toBe(3);
});

test('K-20 no byte is lost when the connection dies while the preview waits for the origin', async () => {
  let connection: net.Socket | undefined;
  await using server = await scriptedIcap(async (peer, _request, index) => {
    connection = peer.socket;
    if (index === 0) return peer.send(NO_CONTENT);
    await new Promise((resolve) => setTimeout(resolve, 100)); // longer than a preview waits
    peer.send(CONTINUE);
    await peer.readRest();
    peer.send(NO_CONTENT);
  });
  const client = server.client();
  await bodyOf(await client.adapt(respmod(TEXT)));
  const body = new Body();
  const pending = client.adapt(respmod(body));
  await Promise.resolve(); // the exchange has the connection and waits for the preview
  connection!.destroy();
  while (server.connections() < 2) await new Promise((resolve) => setImmediate(resolve));
  body.push(Buffer.from('first '));
  setTimeout(() => {
    body.push(Buffer.from('and last'));
    body.end();
  }, 150);
  expect((await bodyOf(await pending)).toString()).toBe('first and last');
});

test('stray bytes behind an answer cost the connection, not the answer', async () => {
  await using server = await scriptedIcap((peer) => peer.send(`${NO_CONTENT}stray`));
  const client = server.client();
  for (let i = 0; i < 3; i++) {
    expect((await bodyOf(await client.adapt(respmod(TEXT)))).equals(TEXT)).toBe(true);
  }
  expect(server.connections()).toBe(3);
});

test('stray bytes behind an answer do not reach whoever waits for the connection', async () => {
  await using server = await scriptedIcap((peer) => peer.send(`${NO_CONTENT}stray`), {
    options: () => optionsAnswer(['Preview: 4', 'Max-Connections: 1']),
  });
  const client = server.client();
  const all = await Promise.all(Array.from({ length: 5 }, () => client.adapt(respmod(TEXT))));
  for (const adaptation of all) expect((await bodyOf(adaptation)).equals(TEXT)).toBe(true);
});

test('C-85 bytes on an idle connection close it', async () => {
  let first: net.Socket | undefined;
  await using server = await scriptedIcap((peer) => {
    first ??= peer.socket;
    peer.send(NO_CONTENT);
  });
  const client = server.client();
  await bodyOf(await client.adapt(respmod(TEXT)));
  first!.write('ICAP/1.0 200 OK\r\n\r\n');
  await once(first!, 'close');
  await bodyOf(await client.adapt(respmod(TEXT)));
  expect(server.connections()).toBe(2);
});

test('K-09 Max-Connections is kept, and who waits is served in order', async () => {
  let open = 0;
  let most = 0;
  const order: string[] = [];
  await using server = await scriptedIcap(
    async (peer, request) => {
      order.push(/page(\d)/.exec(request)![1]!);
      most = Math.max(most, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      peer.send(NO_CONTENT);
    },
    { options: () => optionsAnswer(['Preview: 4', 'Max-Connections: 2']) },
  );
  const client = server.client();
  const numbered = (n: number) =>
    respmod(TEXT, { requestText: `GET http://origin.test/page${n} HTTP/1.1\r\nHost: origin.test\r\n\r\n` });
  await client.adapt(respmod(TEXT, { requestText: numbered(0).requestText }));
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((n) => client.adapt(numbered(n))));
  expect(order).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
  expect(most).toBeLessThanOrEqual(2);
  expect(server.connections()).toBeLessThanOrEqual(2);
});

test('K-09 waiting in line for a connection is limited in time', async () => {
  await using server = await scriptedIcap(() => new Promise(() => {}), {
    options: () => optionsAnswer(['Preview: 4', 'Max-Connections: 1']),
  });
  const client = server.client({ timeoutMs: 300 });
  const all = [1, 2, 3, 4, 5, 6].map(() => client.adapt(respmod(TEXT)));
  const startedAt = performance.now();
  const codes = (await Promise.allSettled(all)).map(
    (result) => (result as { reason: WeirError }).reason.code,
  );
  expect(codes.filter((code) => code === 'ERR_ADAPT_TIMEOUT').length).toBeGreaterThan(0);
  expect(new Set(codes)).toEqual(new Set(['ERR_ADAPT_TIMEOUT', 'ERR_ADAPT_BUSY']));
  expect(performance.now() - startedAt).toBeLessThan(1500); // one after another it would be six times 300 ms
});

test('who gives up while waiting in line costs no connection', async () => {
  let answer: () => void = () => {};
  const busy = new Promise<void>((resolve) => (answer = resolve));
  let started: () => void = () => {};
  const first = new Promise<void>((resolve) => (started = resolve));
  await using server = await scriptedIcap(
    async (peer) => {
      started();
      await busy;
      peer.send(NO_CONTENT);
    },
    { options: () => optionsAnswer(['Preview: 4', 'Max-Connections: 1']) },
  );
  const client = server.client();
  const holder = client.adapt(respmod(TEXT));
  await first;
  const cancellation = new Cancellation();
  const gaveUp = client.adapt(respmod(TEXT, { cancellation }));
  const patient = client.adapt(respmod(TEXT));
  cancellation.cancel(new HttpError('ERR_ABORTED', 'the client left'));
  await expect(gaveUp).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  answer();
  await holder;
  await patient;
  expect(server.connections()).toBe(1);
});

test('who gives up during an exchange closes its connection', async () => {
  let gone: Promise<string> | undefined;
  const cancellation = new Cancellation();
  await using server = await scriptedIcap((peer) => {
    gone = peer.closed();
    cancellation.cancel(new HttpError('ERR_ABORTED', 'the client left'));
    return new Promise(() => {});
  });
  const pending = server.client().adapt(respmod(TEXT, { cancellation }));
  await expect(pending).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  await gone;
});

test('a server that is silent after the request is given up after the time limit', async () => {
  await using server = await scriptedIcap(() => new Promise(() => {}));
  const startedAt = performance.now();
  await expect(server.client({ timeoutMs: 300 }).adapt(respmod(TEXT))).rejects.toMatchObject({
    code: 'ERR_ADAPT_TIMEOUT',
  });
  expect(performance.now() - startedAt).toBeLessThan(1500);
});

test('a server that is silent in the middle of an answer fails its body', async () => {
  await using server = await scriptedIcap((peer) => {
    peer.send(`${PAGE_START}ff\r\nonly this much`);
    return new Promise(() => {});
  });
  const adaptation = await server.client({ timeoutMs: 300 }).adapt(respmod(TEXT));
  await expect(bodyOf(adaptation)).rejects.toMatchObject({ code: 'ERR_ADAPT_TIMEOUT' });
});

test('a slow origin is not taken for a slow server', async () => {
  await using server = await scriptedIcap(async (peer) => {
    peer.send(CONTINUE);
    await peer.readRest();
    peer.send(NO_CONTENT);
  });
  const body = new Body();
  body.push(Buffer.from('first '));
  const pending = server.client({ timeoutMs: 300 }).adapt(respmod(body));
  setTimeout(() => {
    body.push(Buffer.from('and last'));
    body.end();
  }, 800);
  expect((await bodyOf(await pending)).toString()).toBe('first and last');
});

test('a server that does not listen is unavailable, and is not asked again within a second', async () => {
  await using listening = await scriptedIcap(() => {});
  const client = listening.client({ port: await freePort() });
  const first = await client.adapt(respmod(TEXT)).catch((error: unknown) => error);
  expect(first).toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE', httpStatus: 502 });
  await expect(client.adapt(respmod(TEXT))).rejects.toBe(first);
});
