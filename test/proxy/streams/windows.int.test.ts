// Windows of a stream at ICAP servers that do what no scanner does: rewrite, replace, fail. Every window is
// a RESPMOD of its own, and between them no connection is in use.

import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { originServer } from '../../support/originServer.ts';
import { rawClient } from '../../support/rawClient.ts';
import { type LogRecord, startTestWeir } from '../../support/weir.ts';
import {
  type IcapConversation,
  NO_CONTENT,
  optionsAnswer,
  scriptedIcap,
} from '../../icap/client/scripted-icap.ts';

/** A stream whose windows go to a scripted ICAP server, without preview. */
async function streaming(
  script: (peer: IcapConversation, window: string, number: number) => void,
  { streams = {}, service = {}, notScanned = {} }: Record<string, object> = {},
) {
  let number = 0;
  const icap = await scriptedIcap(
    async (peer, head) => {
      const body = head.includes('null-body=') ? '' : await peer.readRest();
      script(peer, head + body, number++);
    },
    { options: () => optionsAnswer([]) },
  );
  let came = (_: ServerResponse): void => {};
  const response = new Promise<ServerResponse>((resolve) => (came = resolve));
  const origin = await originServer((_, answer) => {
    answer.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Own': 'origin' }).flushHeaders();
    came(answer);
  });
  const url = `icap://127.0.0.1:${icap.port}/scan`;
  const weir = await startTestWeir({
    adaptation: {
      services: { scan: { url, ...service } },
      rules: [{ point: 'respmod', use: ['scan'] }],
      streams: { every: '30ms', overlap: '8', ...streams },
      notScanned,
    },
  });
  const client = await rawClient(weir.proxyPort);
  client.send(`GET ${origin.url}/stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  const recorded = async (): Promise<LogRecord> => (await weir.logged(({ kind }) => kind === 'proxy'))[0]!;
  return {
    ...{ icap, weir, client, recorded, response: await response },
    async [Symbol.asyncDispose]() {
      for (const part of [client, weir, origin, icap]) await part[Symbol.asyncDispose]();
    },
  };
}

/** The body that a RESPMOD carries. */
function bodyOf(window: string): string {
  const parts: string[] = [];
  let rest = window.slice(window.search(/\r\n\r\n[0-9a-f]+\r\n/) + 4);
  for (;;) {
    const size = parseInt(rest, 16);
    if (!(size > 0)) return parts.join('');
    const start = rest.indexOf('\r\n') + 2;
    parts.push(rest.slice(start, start + size));
    rest = rest.slice(start + size + 2);
  }
}

function modified(
  body: string,
  head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Own: service\r\n\r\n',
): string {
  const start = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}`;
  return `${start}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

test('each window is a RESPMOD with the same head, its number, and the end of the one before', async () => {
  const windows: string[] = [];
  await using lab = await streaming((peer, window) => {
    windows.push(window);
    peer.send(NO_CONTENT);
  });
  lab.response.write('data: first\n\n');
  await lab.client.until('data: first\n\n');
  lab.response.write('data: second\n\n');
  await lab.client.until('data: second\n\n');
  lab.response.end();
  await lab.client.closed();
  const { id } = await lab.recorded();
  for (const [index, window] of windows.entries()) {
    expect(window).toContain(`X-Weir-Stream: ${id}; part=${index + 1}\r\n`);
    expect(window).toContain('X-Own: origin\r\n');
  }
  expect(windows.map(bodyOf)).toEqual(['data: first\n\n', ' first\n\ndata: second\n\n']);
  expect(lab.icap.connections()).toBeLessThanOrEqual(2); // OPTIONS may have had its own
});

test('a head that waits for its first bytes is judged alone', async () => {
  const windows: string[] = [];
  await using lab = await streaming((peer, window) => {
    windows.push(window);
    peer.send(NO_CONTENT);
  });
  await lab.client.until('\r\n\r\n');
  expect(windows).toHaveLength(1);
  expect(windows[0]).toMatch(/part=0\r\n[^]*Encapsulated: req-hdr=0, res-hdr=\d+, null-body=\d+/);
});

test('a service that answers with the message itself changes nothing', async () => {
  await using lab = await streaming((peer, window) => peer.send(modified(bodyOf(window))));
  for (const event of ['data: first\n\n', 'data: second\n\n', 'data: third\n\n']) {
    lab.response.write(event);
    await lab.client.until(event);
  }
  lab.response.end();
  const received = (await lab.client.closed()).toString();
  expect(received).toContain('X-Own: service');
  expect(received.match(/data: \w+/g)).toEqual(['data: first', 'data: second', 'data: third']);
  expect(await lab.recorded()).toMatchObject({ verdict: 'modified' });
});

test('a service may rewrite what has not gone on yet', async () => {
  await using lab = await streaming((peer, window) => {
    peer.send(modified(bodyOf(window).replace('secret', '******')));
  });
  lab.response.write('data: first\n\n');
  await lab.client.until('data: first\n\n');
  lab.response.write('data: secret\n\n');
  await lab.client.until('data: ******\n\n');
});

test.each([
  [
    'changes what has gone on',
    (body: string) => modified(body.replace('first', 'FIRST')),
    'ERR_ADAPT_PROTOCOL',
    'error',
  ],
  ['takes away what has gone on', () => modified('x'), 'ERR_ADAPT_PROTOCOL', 'error'],
  [
    'puts another answer in its place',
    (body: string) => modified(body, 'HTTP/1.1 404 Gone\r\n\r\n'),
    'ERR_ADAPT_BLOCKED',
    'blocked',
  ],
  [
    'answers with its own 403',
    (body: string) => modified(body, 'HTTP/1.1 403 No\r\n\r\n'),
    'ERR_ADAPT_BLOCKED',
    'blocked',
  ],
  ['fails', () => 'ICAP/1.0 500 Broken\r\n\r\n', 'ERR_ADAPT_STATUS', 'error'],
])('a service that %s ends the stream', async (_name, answer, code, verdict) => {
  await using lab = await streaming((peer, window, number) => {
    peer.send(number === 0 ? NO_CONTENT : answer(bodyOf(window)));
  });
  lab.response.write('data: first\n\n');
  await lab.client.until('data: first\n\n');
  const closed = once(lab.response, 'close');
  lab.response.write('data: second\n\n');
  const received = (await lab.client.closed()).toString();
  await closed;
  expect(received).not.toMatch(/second|\r\n0\r\n\r\n$/);
  expect(await lab.recorded()).toMatchObject({ error: { code }, verdict });
});

test('with onError: bypass the stream goes on unscanned, and the log says so', async () => {
  await using lab = await streaming(
    (peer, _window, number) => peer.send(number === 0 ? NO_CONTENT : 'ICAP/1.0 500 Broken\r\n\r\n'),
    { service: { onError: 'bypass' } },
  );
  for (const event of ['data: first\n\n', 'data: second\n\n']) {
    lab.response.write(event);
    await lab.client.until(event);
  }
  lab.response.end();
  await lab.client.closed();
  expect(await lab.recorded()).toMatchObject({
    ...{ verdict: 'bypassed', coverage: { state: 'not-scanned', reason: 'service-down' } },
  });
});

test('bytes wait for their window while the service thinks, and the origin waits for room', async () => {
  let release = (): void => {};
  const thought = new Promise<void>((resolve) => (release = resolve));
  const sizes: number[] = [];
  await using lab = await streaming(
    (peer, window, number) => {
      sizes.push(bodyOf(window).length);
      if (number === 1) void thought.then(() => peer.send(NO_CONTENT));
      else peer.send(NO_CONTENT);
    },
    { streams: { window: '4KiB' } },
  );
  lab.response.write('x'.repeat(100));
  await lab.client.until('x'.repeat(100));
  lab.response.write('y'.repeat(50_000));
  lab.response.end('end');
  release();
  const received = (await lab.client.closed()).toString();
  expect(received.match(/y/g)).toHaveLength(50_000 + 1); // and the one in Content-Type
  expect(Math.max(...sizes)).toBe(4096 + 8);
});
