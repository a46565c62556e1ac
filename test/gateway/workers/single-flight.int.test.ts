// The same new content in many messages at a time, over several worker processes: decision 0016.

import { expect, test } from '@jest/globals';
import { eventually, startPool } from './lab.ts';

const BODY = 'the same new content '.repeat(50);
const MESSAGES = 12;
const PROCESSES = 2;

function respmod(name: string): string {
  const request = `GET http://a.test/${name} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
  const response = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`;
  return (
    `RESPMOD icap://h/slow ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: req-hdr=0, ` +
    `res-hdr=${request.length}, res-body=${request.length + response.length}\r\n\r\n` +
    `${request}${response}${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`
  );
}

test('G-12 each process judges content once, however many messages have it, and all of them get the verdict', async () => {
  const workers = { min: PROCESSES, max: PROCESSES, minSpare: 1, maxSpare: 20 };
  await using lab = await startPool({ workers, judges: 'content' });
  const clients = await Promise.all(Array.from({ length: MESSAGES }, () => lab.connect()));
  for (const [number, client] of clients.entries()) client.send(respmod(`m${number}`));
  await lab.state(({ handlers }) => handlers.busy === MESSAGES);
  const asked = await eventually(() => {
    const all = lab.asked();
    return all.length >= PROCESSES ? all : `${all.length} were asked for`;
  });
  expect(new Set(asked.map(({ pid }) => pid)).size).toBe(PROCESSES);
  for (const one of asked) one.release();
  for (const client of clients) await client.until('ICAP/1.0 204');
  expect(lab.asked()).toHaveLength(PROCESSES);
});
