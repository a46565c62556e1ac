import { expect, test } from '@jest/globals';
import { IcapRequestParser, type BodyEnd } from '../../../src/icap/codec/message-parser.ts';
import type { IcapRequestHead } from '../../../src/icap/codec/head.ts';
import { type LoadMessage, loadMessage, sampleBody } from '../../../src/icap/load/message.ts';
import { options } from './load-lab.ts';

/** What our own server's parser makes of the bytes. */
function parsed({ first, rest }: LoadMessage) {
  const seen = { preview: '', body: '', stoppedAtPreview: false };
  let head: IcapRequestHead | undefined;
  let end: BodyEnd | undefined;
  let sections = '';
  const parser = new IcapRequestParser(
    {
      onMessage: (it, { requestHeader, responseHeader }) => {
        head = it;
        sections = `${requestHeader?.toString('latin1') ?? ''}${responseHeader?.toString('latin1') ?? ''}`;
      },
      onData: (chunk) => {
        seen.body += chunk.toString('latin1');
      },
      onPreviewEnd: () => {
        seen.preview = seen.body;
        seen.stoppedAtPreview = true;
      },
      onEnd: (it) => {
        end = it;
      },
    },
    true,
  );
  expect(parser.execute(first)).toBe(first.length);
  if (rest !== null) {
    parser.continueBody();
    expect(parser.execute(rest)).toBe(rest.length);
  }
  return { head: head!, end: end!, sections, ...seen };
}

test('C-40 a body longer than the preview is sent in two parts that make it whole', () => {
  const body = sampleBody(70_000);
  const message = loadMessage(options({ body, preview: 1024 }));
  const { head, end, preview, body: received, stoppedAtPreview } = parsed(message);
  expect(head).toMatchObject({ method: 'RESPMOD', preview: 1024, allow204: true, allow206: false });
  expect(stoppedAtPreview).toBe(true);
  expect(preview).toBe(body.toString('latin1', 0, 1024));
  expect(received).toBe(body.toString('latin1'));
  expect(end.ieof).toBe(false);
});

test('C-41 a preview of nothing sends the headers and a zero chunk first', () => {
  const { head, preview, body } = parsed(loadMessage(options({ body: sampleBody(5), preview: 0 })));
  expect(head.preview).toBe(0);
  expect(preview).toBe('');
  expect(body).toHaveLength(5);
});

test('C-42 a body that fits the preview goes out whole with ieof, and Preview says its length', () => {
  const message = loadMessage(options({ body: sampleBody(1000), preview: 1024 }));
  expect(message.rest).toBeNull();
  expect(parsed(message)).toMatchObject({ head: { preview: 1000 }, end: { ieof: true } });
});

test('without a preview everything is in the first part', () => {
  const message = loadMessage(options({ body: sampleBody(100_000) }));
  expect(message.rest).toBeNull();
  const { head, body, sections } = parsed(message);
  expect(head.preview).toBeNull();
  expect(body).toHaveLength(100_000);
  expect(sections).toContain('Content-Length: 100000\r\n');
});

test('C-60 Allow lists what was asked for, and is absent when that is nothing', () => {
  const allow = (allow204: boolean, allow206: boolean) => {
    const { head } = parsed(loadMessage(options({ body: sampleBody(1), allow204, allow206 })));
    return [head.allow204, head.allow206];
  };
  expect(allow(true, true)).toEqual([true, true]);
  expect(allow(false, true)).toEqual([false, true]);
  expect(loadMessage(options({ allow204: false })).first.toString('latin1')).not.toContain('Allow:');
});

test('REQMOD is a GET without and a POST with a body', () => {
  const get = parsed(loadMessage(options({ method: 'REQMOD' })));
  expect(get.sections).toMatch(/^GET http:\/\/load\.test\/a HTTP\/1\.1\r\nHost: load\.test\r\n/);
  expect(get.head.encapsulated.body).toBeNull();
  const post = parsed(loadMessage(options({ method: 'REQMOD', body: sampleBody(3) })));
  expect(post.sections).toMatch(/^POST .*\r\nContent-Length: 3\r\n/s);
  expect(post.head.encapsulated.body).toBe('req-body');
});

test('OPTIONS carries nothing, and names 206 only when that may be used (C-62)', () => {
  const text = (allow206: boolean) =>
    loadMessage(options({ method: 'OPTIONS', body: sampleBody(9), allow206 })).first.toString('latin1');
  expect(text(false)).toMatch(
    /^OPTIONS icap:\/\/icap\.test:1344\/echo\?x=1 ICAP\/1\.0\r\nHost: icap\.test:1344\r\n/,
  );
  expect(text(false)).not.toMatch(/Allow|Preview|-hdr/);
  expect(text(true)).toContain('\r\nAllow: 206\r\n');
});

test('C-04 user and password become Authorization and stay out of the request line', () => {
  const target = { ...options({}).target, user: 'ada', password: 'secret' };
  const { head } = parsed(loadMessage(options({ target, icapHeaders: ['X-Client-IP', '10.0.0.1'] })));
  expect(head.uri).toBe('icap://icap.test:1344/echo?x=1');
  expect(head.headers).toEqual(
    expect.arrayContaining(['Authorization', 'Basic YWRhOnNlY3JldA==', 'X-Client-IP', '10.0.0.1']),
  );
});

test('further HTTP fields go into the message that is adapted', () => {
  const httpHeaders = ['X-Test', 'yes'];
  const request = parsed(loadMessage(options({ method: 'REQMOD', httpHeaders }))).sections;
  expect(request).toContain('\r\nX-Test: yes\r\n');
  const [, response] = parsed(loadMessage(options({ httpHeaders, body: sampleBody(1) }))).sections.split(
    '\r\n\r\n',
  );
  expect(response).toContain('\r\nX-Test: yes');
});
