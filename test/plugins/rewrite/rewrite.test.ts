// The blade: which rules are for a message, where a banner goes, what becomes of fields and codings.

import { describe, expect, test } from '@jest/globals';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import rewrite from '../../../plugins/rewrite/index.ts';
import type { ModifyVerdict } from '../../../src/index.ts';
import { bladeOf, messageOf, type MessageParts } from '../../support/blade.ts';
import { tempDir } from '../../support/tempDir.ts';

const ALLOWED = { kind: 'allow' };
const HTML = ['Content-Type', 'text/html; charset=utf-8'];
const bannerRules = { rules: [{ banner: { html: '<p>Hi</p>' } }] };
const page = (content: string, headers: string[] = []): Partial<MessageParts> => ({
  direction: 'response',
  headers: [...HTML, ...headers],
  body: Buffer.from(content),
});

async function ask(options: object, message: Partial<MessageParts>) {
  await using blade = await bladeOf(rewrite, options);
  return await blade.ask(message);
}

/** The body after the change, and whether the client may keep the rest of its own. */
async function bannered(content: string, headers?: string[]): Promise<string | null> {
  const verdict = await ask(bannerRules, page(content, headers));
  if (verdict.kind !== 'modify') return null;
  if (verdict.body !== undefined) return verdict.body.toString();
  return verdict.prefix!.toString() + content.slice(verdict.keepFrom);
}

describe('a banner goes', () => {
  test.each<[string, string, string]>([
    [
      'behind <body>',
      '<!doctype html><html><body class="a>b">x',
      '<!doctype html><html><body class="a>b">|x',
    ],
    [
      'behind <body> after scripts',
      '<html><script>"<body>"</script><BODY>x',
      '<html><script>"<body>"</script><BODY>|x',
    ],
    ['behind <body> after comments', '<html><!-- <body> --><body>x', '<html><!-- <body> --><body>|x'],
    [
      'behind the head where there is no <body>',
      '<!doctype html><title>a</title>\n<p>x',
      '<!doctype html><title>a</title>|\n<p>x',
    ],
    ['behind <html> before text', '<html>text', '<html>|text'],
    ['at the end of a page without content', '<!doctype html><html></html>', '<!doctype html><html></html>|'],
  ])('%s', async (_, content, expected) => {
    expect(await bannered(content)).toBe(expected.replace('|', '<p>Hi</p>'));
  });

  test.each<[what: string, content: string, destination: string]>([
    ['a fragment', '<div>x</div>', ''],
    ['a page that a script loads', '<html><body>x', 'empty'],
    ['a page in a frame', '<html><body>x', 'iframe'],
    ['a frameset', '<html><frameset><frame src=a></frameset>', 'document'],
    ['a head without an end', '<html><script>', 'document'],
    ['a body that begins too late', `<html><!-- ${'x'.repeat(65_536)} --><body>`, 'document'],
  ])('not into %s', async (_, content, destination) => {
    await using blade = await bladeOf(rewrite, bannerRules);
    const made = messageOf(page(content));
    const headers = destination === '' ? [] : ['Sec-Fetch-Dest', destination];
    const message = { ...made, request: { ...made.request!, headers } };
    expect(await blade.blade.inspect(message, new AbortController().signal)).toEqual(ALLOWED);
  });

  test.each([
    ['another type', { headers: ['Content-Type', 'application/json'] }],
    ['UTF-16', { headers: ['Content-Type', 'text/html; charset=UTF-16LE'] }],
    ['a part of an object', { status: 206 }],
    ['a page that must not be changed', { headers: [...HTML, 'Cache-Control', 'max-age=1, no-transform'] }],
  ])('not into %s', async (_, parts) => {
    expect(await ask(bannerRules, { ...page('<html><body>x'), ...parts })).toEqual(ALLOWED);
  });

  test('into a page in a file, of which its beginning alone is read', async () => {
    await using folder = await tempDir();
    const file = await folder.write('page', `<html><body>${'x'.repeat(200_000)}`);
    expect(await ask(bannerRules, { ...page(''), body: file })).toMatchObject({
      prefix: Buffer.from('<html><body><p>Hi</p>'),
      keepFrom: 12,
    });
  });

  test('as ASCII, so that it reads the same in any charset', async () => {
    const verdict = await ask({ rules: [{ banner: { html: 'Grüße 🙂' } }] }, page('<html><body>x'));
    expect((verdict as ModifyVerdict).prefix!.toString()).toBe('<html><body>Gr&#252;&#223;e &#128578;');
  });
});

describe('bodies', () => {
  const rules = [{ replace: [{ find: 'foo', with: 'bär' }] }];

  test('texts are replaced wherever they stand, in the charset of the body', async () => {
    expect(await ask({ rules }, page('foo afoob'))).toMatchObject({ body: Buffer.from('bär abärb') });
    const latin = { headers: ['Content-Type', 'text/plain; charset=ISO-8859-1'] };
    const verdict = await ask({ rules }, { ...page('foo'), ...latin });
    expect(verdict).toMatchObject({ body: Buffer.from('bär', 'latin1') });
    expect(await ask({ rules }, page('fo o'))).toEqual(ALLOWED);
    expect(await ask({ rules }, { ...page('foo'), headers: ['Content-Type', 'image/png'] })).toEqual(ALLOWED);
  });

  test('a coding is undone and made again, with banner and texts', async () => {
    const both = { rules: [...rules, ...bannerRules.rules] };
    const packed = (coding: string, body: Buffer) => ({ ...page('', ['Content-Encoding', coding]), body });
    const content = Buffer.from('<html><body>foo');
    const gzip = (await ask(both, packed('gzip', gzipSync(content)))) as ModifyVerdict;
    expect(gunzipSync(gzip.body!).toString()).toBe('<html><body><p>Hi</p>bär');
    const br = (await ask(both, packed('br', brotliCompressSync(content)))) as ModifyVerdict;
    expect(brotliDecompressSync(br.body!).toString()).toBe('<html><body><p>Hi</p>bär');
    expect(br.headers).toEqual([...HTML, 'Content-Encoding', 'br']);
    const twice = (await ask(both, packed('gzip, gzip', gzipSync(gzipSync(content))))) as ModifyVerdict;
    expect([twice.body!.toString(), twice.headers]).toEqual(['<html><body><p>Hi</p>bär', HTML]);
  });

  test.each<[string, Buffer, string]>([
    ['that is too long', Buffer.from(`foo${'x'.repeat(2000)}`), 'identity'],
    ['that expands too far', gzipSync(`foo${'x'.repeat(2000)}`), 'gzip'],
    ['that is cut off', gzipSync('foo').subarray(0, 15), 'gzip'],
    ['in an unknown coding', Buffer.from('foo'), 'rot13'],
  ])('one %s stays as it is', async (_, body, coding) => {
    const message = { ...page('', ['Content-Encoding', coding]), body };
    expect(await ask({ rules, maxBytes: 1000 }, message)).toEqual(ALLOWED);
  });

  test('digests of a changed body go, its ETag becomes weak', async () => {
    const fields = ['ETag', '"a"', 'Content-MD5', 'x', 'Repr-Digest', 'y', 'Accept-Ranges', 'bytes'];
    const verdict = (await ask({ rules }, page('foo', fields))) as ModifyVerdict;
    expect(verdict.headers).toEqual([...HTML, 'ETag', 'W/"a"']);
  });
});

describe('header fields', () => {
  const change = { remove: ['server'], set: { 'X-Frame-Options': 'DENY' }, add: { Via: '1.1 w' } };
  const response = {
    direction: 'response' as const,
    headers: ['Server', 'x', 'x-frame-options', 'a', 'Via', '1.1 o'],
  };
  const changed = ['Via', '1.1 o', 'X-Frame-Options', 'DENY', 'Via', '1.1 w'];

  test.each<[string, object, object, boolean]>([
    ['every response', {}, {}, true],
    ['a host', { hosts: ['site.example'] }, {}, true],
    ['hosts below a domain', { hosts: ['*.example'] }, {}, true],
    ['another host', { hosts: ['*.site.example'] }, {}, false],
    ['a path', { paths: ['/a/*.js'] }, { url: 'http://site.example/a/b.js?x' }, true],
    ['another path', { paths: ['/a/*.js'] }, { url: 'http://site.example/a/b.jsx' }, false],
    ['a status', { status: [404] }, { status: 404 }, true],
    ['another status', { status: [404] }, {}, false],
    ['another type', { types: ['text/*'] }, {}, false],
    ['requests', { direction: 'request' }, {}, false],
  ])('are changed by a rule for %s', async (_, match, message, matches) => {
    const verdict = await ask({ rules: [{ ...match, headers: change }] }, { ...response, ...message });
    expect(verdict).toEqual(matches ? { kind: 'modify', headers: changed } : ALLOWED);
  });

  test.each([
    [{ headers: { set: { 'Content-Length': '1' } } }, /belongs to the framing/],
    [{ headers: { add: { A: 'b\r\nC: d' } } }, /one line of ASCII/],
    [{ headers: { remove: ['a b'] } }, /name of a header field/],
    [{ direction: 'request', banner: { html: 'x' } }, /is for responses/],
    [{ replace: [{ find: '', with: 'x' }] }, /find/],
  ])('a rule %j is refused', (rule, message) => {
    expect(() => rewrite.options!.parse({ rules: [rule] })).toThrow(message);
  });
});
