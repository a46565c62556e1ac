// Max-Forwards of TRACE and OPTIONS through a whole proxy: who asks for the way sees this proxy on it.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { OriginServer } from '../support/originServer.ts';
import { originServer } from '../support/originServer.ts';
import { rawExchange } from '../support/rawClient.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

let origin: OriginServer;
let weir: LocalWeir;
beforeAll(async () => {
  origin = await originServer((_, response) => response.end('from the origin'));
  weir = await startTestWeir({ adaptation: { rules: [] } });
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

async function ask(method: string, ...fields: string[]): Promise<string> {
  const lines = [`Host: 127.0.0.1:${origin.port}`, 'Connection: close', ...fields, '', ''];
  const bytes = `${method} ${origin.url}/path HTTP/1.1\r\n${lines.join('\r\n')}`;
  return (await rawExchange(weir.proxyPort, Buffer.from(bytes))).toString('latin1');
}

test.each([
  ['TRACE', '0', null],
  ['OPTIONS', '0', null],
  ['TRACE', '3', '2'],
  ['OPTIONS', '1', '0'],
  ['OPTIONS', 'soon', 'soon'],
  ['GET', '0', '0'],
])('RFC 9110 7.6.2: %s with Max-Forwards %s comes to the origin with %p', async (method, given, left) => {
  const before = origin.requests.length;
  const answer = await ask(method, `Max-Forwards: ${given}`);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  const seen = origin.requests.slice(before).map(({ headers }) => headers['max-forwards']);
  expect(seen).toEqual(left === null ? [] : [left]);
  expect(answer.includes('from the origin')).toBe(left !== null);
});

test('a TRACE that ends here shows the request without its secrets', async () => {
  const answer = await ask(
    'TRACE',
    'max-forwards: 0',
    'X-Seen: yes',
    'Cookie: secret',
    'Authorization: secret',
  );
  expect(answer).toContain('Content-Type: message/http');
  expect(answer).toContain(`\r\n\r\nTRACE ${origin.url}/path HTTP/1.1\r\nHost: `);
  expect(answer).toContain('X-Seen: yes\r\n');
  expect(answer).not.toContain('secret');
});
