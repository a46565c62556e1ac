// The configuration of docs/blades/rewrite.md, pasted into a Weir and tried: with curl through the proxy,
// and over ICAP, where a client that allows 206 keeps its page.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import net from 'node:net';
import { once } from 'node:events';
import { configurationOf } from '../../support/blade.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';

const PAGE = `<!doctype html><html><body><p>${'text '.repeat(1000)}</p>`;
const BANNER = /<body><div style="background:gold;[^>]*>Staging: nothing here is real<\/div><p>text text/;

let weir: LocalWeir;
let origin: OriginServer;
beforeAll(async () => {
  weir = await startTestWeir(await configurationOf('blades/rewrite.md'));
  origin = await originServer((request, response) => {
    response.setHeader('Server', 'secret/1.0');
    response.setHeader('Content-Type', request.url === '/' ? 'text/html' : 'application/json');
    response.end(request.url === '/' ? PAGE : '{"at":"http://intern.example/x"}');
  });
});
afterAll(async () => {
  await weir.stop();
  await weir[Symbol.asyncDispose]();
  await origin.close();
});

test('pages get the banner, headers change in both directions', async () => {
  const result = await weir.curl('-e', 'http://from.test/', `http://app.test:${origin.port}/`);
  expect(result.body.toString()).toMatch(BANNER);
  expect(result.body.toString().endsWith('text </p>')).toBe(true);
  expect([result.header('server'), result.header('x-frame-options')]).toEqual([undefined, 'SAMEORIGIN']);
  const { referer, dnt } = origin.requests.at(-1)!.headers;
  expect([referer, dnt]).toEqual([undefined, '1']);
});

test('texts are replaced where the rule says', async () => {
  const changed = await weir.curl(`http://other.test:${origin.port}/config.json`);
  expect(changed.body.toString()).toBe('{"at":"https://intern.example/x"}');
  const kept = await weir.curl(`http://other.test:${origin.port}/data.json`);
  expect(kept.body.toString()).toBe('{"at":"http://intern.example/x"}');
});

test('C-61 an ICAP client that allows 206 keeps its page behind the banner', async () => {
  const request = 'GET http://app.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n';
  const response = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${PAGE.length}\r\n\r\n`;
  const socket = net.connect(weir.gatewayPort, '127.0.0.1');
  socket.write(
    `RESPMOD icap://127.0.0.1/sandblast ICAP/1.0\r\nHost: h\r\nAllow: 204, 206\r\nConnection: close\r\n` +
      `Encapsulated: req-hdr=0, res-hdr=${request.length}, res-body=${request.length + response.length}\r\n\r\n` +
      `${request}${response}${PAGE.length.toString(16)}\r\n${PAGE}\r\n0\r\n\r\n`,
  );
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  await once(socket, 'close');
  expect(answer).toMatch(/^ICAP\/1\.0 206 /);
  expect(answer).toContain('0; use-original-body=27\r\n');
  expect(answer).not.toContain('text text');
});
