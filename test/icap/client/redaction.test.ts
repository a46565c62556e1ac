// Fields whose values an ICAP server does not see.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { AdaptationMessage } from '../../../src/icap/client/adaptation.ts';
import { formatRequestHead } from '../../../src/icap/codec/http-head.ts';
import { bodyOf, NO_CONTENT, optionsAnswer, respmod, scriptedIcap } from './scripted-icap.ts';

const SECRETS = /sesame|s3cret|Basic/;
const redact = ['Cookie', 'authorization', 'set-cookie'];
const request = {
  method: 'GET',
  target: 'http://origin.test/page.html',
  version: '1.1',
  headers: [
    'Host',
    'origin.test',
    'Authorization',
    'Basic c2VzYW1l',
    'Cookie',
    'open=sesame',
    'Accept',
    '*/*',
  ],
};
const response = {
  ...{ version: '1.1', status: 200, reason: 'OK' },
  headers: ['Set-Cookie', 'a=s3cret1', 'Content-Type', 'text/html', 'set-cookie', 'b=s3cret2'],
};
const MESSAGE: Partial<AdaptationMessage> = { request, requestText: formatRequestHead(request), response };
const TEXT = Buffer.from('a page of some length');

/** The HTTP head that stands last in a request, closing blank line included. */
function headIn(received: string, method: 'REQMOD' | 'RESPMOD'): string {
  return (method === 'REQMOD' ? /(GET [^]*?\r\n\r\n)/ : /(HTTP\/1\.1 [^]*?\r\n\r\n)/).exec(received)![1]!;
}

/** Sends the HTTP head back as `change` makes it, with `tail` behind it. */
async function echoed(
  message: AdaptationMessage,
  change: (head: string) => string,
  tail = '3\r\nnew\r\n0\r\n\r\n',
  status = 200,
) {
  let received = '';
  await using server = await scriptedIcap(
    (peer, text) => {
      received = text;
      const head = change(headIn(text, message.method));
      const kind = message.method === 'REQMOD' ? 'req' : 'res';
      peer.send(
        `ICAP/1.0 ${status} OK\r\nISTag: "t1"\r\nEncapsulated: ${kind}-hdr=0, ${kind}-body=${head.length}\r\n\r\n${head}${tail}`,
      );
    },
    { options: () => optionsAnswer(['Allow: 206', 'Preview: 4']) },
  );
  const adaptation = await server.client({ redact }).adapt(message);
  await bodyOf(adaptation);
  return { received, adaptation };
}

describe.each(['REQMOD', 'RESPMOD'] as const)('%s', (method) => {
  const message = (): AdaptationMessage =>
    respmod(TEXT, { ...MESSAGE, method, response: method === 'REQMOD' ? null : response });
  const original = method === 'REQMOD' ? request : response;

  test('the values do not leave, the names and everything else do', async () => {
    const { received } = await echoed(message(), (head) => head);
    expect(received).not.toMatch(SECRETS);
    expect(received).toMatch(/\r\nAuthorization: \S+\r\nCookie: \S+\r\nAccept: \*\/\*\r\n/);
    if (method === 'RESPMOD') expect(received).toMatch(/\r\nSet-Cookie: \S+\r\nContent-Type: text\/html\r\n/);
  });

  test('a 200 that left them as they were gets the values back', async () => {
    const { adaptation } = await echoed(message(), (head) =>
      head.replace('\r\n\r\n', '\r\nX-New: 1\r\n\r\n'),
    );
    const adapted = method === 'REQMOD' ? adaptation.request : adaptation.response;
    expect(adapted!.headers).toEqual([...original.headers, 'X-New', '1']);
  });

  test('a 206 as well', async () => {
    const { adaptation } = await echoed(message(), (head) => head, '0; use-original-body=0\r\n\r\n', 206);
    const adapted = method === 'REQMOD' ? adaptation.request : adaptation.response;
    expect(adapted!.headers).toEqual(original.headers);
  });

  test('a 204 leaves the message alone', async () => {
    await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const adaptation = await server.client({ redact }).adapt(message());
    expect(adaptation).toMatchObject({ icapStatus: 204, request: null, response: null });
    expect((await bodyOf(adaptation)).equals(TEXT)).toBe(true);
  });
});

test('a field that the server removed stays removed, one that it changed stays changed', async () => {
  const { adaptation } = await echoed(respmod(TEXT, MESSAGE), (head) =>
    head.replace(/Set-Cookie: .*\r\n/, '').replace(/set-cookie: .*\r\n/, 'Set-Cookie: own=1\r\n'),
  );
  expect(adaptation.response!.headers).toEqual(['Content-Type', 'text/html', 'Set-Cookie', 'own=1']);
});

test('fields that change places keep their values', async () => {
  const { adaptation } = await echoed(respmod(TEXT, MESSAGE), (head) => {
    const [start, first, type, second] = head.split('\r\n');
    return `${[start, second, type, first].join('\r\n')}\r\n\r\n`;
  });
  expect(adaptation.response!.headers).toEqual([
    ...['set-cookie', 'b=s3cret2', 'Content-Type', 'text/html', 'Set-Cookie', 'a=s3cret1'],
  ]);
});

test('no value comes out under another name, or in an answer to a request', async () => {
  const stolen = await echoed(respmod(TEXT, MESSAGE), (head) =>
    head.replace(/Set-Cookie: (.*)\r\n/, 'X-Show: $1\r\n').replace('text/html', 'redacted=0'),
  );
  expect(JSON.stringify(stolen.adaptation.response)).not.toContain('s3cret1');
  const page = 'HTTP/1.1 403 No\r\nAuthorization: redacted=1\r\nSet-Cookie: redacted=0\r\n\r\n';
  const answer = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, null-body=${page.length}\r\n\r\n${page}`;
  await using server = await scriptedIcap((peer) => peer.send(answer));
  const adaptation = await server
    .client({ redact })
    .adapt(respmod(TEXT, { ...MESSAGE, method: 'REQMOD', response: null }));
  expect(JSON.stringify(adaptation.response)).not.toMatch(SECRETS);
});

test('trailers of that name do not leave either', async () => {
  let received = '';
  await using server = await scriptedIcap(
    async (peer, text) => {
      received = text + (await peer.read(/\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n/));
      peer.send(NO_CONTENT);
    },
    { options: () => optionsAnswer([]) },
  );
  const body = new Body();
  body.push(TEXT);
  body.end(['Set-Cookie', 'c=s3cret3', 'X-Checksum', 'abc']);
  const adaptation = await server.client({ redact }).adapt(respmod(body, MESSAGE));
  await bodyOf(adaptation);
  expect(received).toContain('X-Checksum: abc');
  expect(received).not.toMatch(SECRETS);
  expect(adaptation.body!.trailers).toContain('c=s3cret3');
});

test('without such fields the message goes out as it is', async () => {
  let received = '';
  await using server = await scriptedIcap((peer, text) => {
    received = text;
    peer.send(NO_CONTENT);
  });
  const message = respmod(TEXT);
  await bodyOf(await server.client({ redact }).adapt(message));
  expect(received).toContain(message.requestText);
});
