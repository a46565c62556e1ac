// Template folders: what they may hold, what of it is refused with its line, and that no value of a peer can
// leave the place that it was put into.

import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { BlockPageInput } from '../../../src/pages/index.ts';
import { blockPage, languageOf, loadLook } from '../../../src/pages/index.ts';
import { ENGLISH } from '../../../src/pages/texts.ts';
import { tempDir } from '../../support/tempDir.ts';

const INPUT: BlockPageInput = {
  ...{ threat: '"><script>alert(1)</script>', blade: 'antivirus', severity: 'high', reason: "it's {{url}}" },
  ...{ incident: 'W-1KYSNCG0GCA5N', time: new Date(0), url: 'http://a.test/x', method: 'GET' },
  ...{ direction: 'response', goOn: { kind: 'ask', action: '/x', token: 't', holdsMs: 3_600_000 } },
};
const PAGE = `<!doctype html>
<html lang="{{language}}"><head><title>{{title}}</title>{{style}}</head>
<body><img alt="{{ threat }}">{{logo}}<main><h1>{{title}}</h1>
<p title='{{reason}}'>{{lead}}</p>{{help}}{{continue}}{{details}}</main></body></html>`;

async function lookOf(files: Readonly<Record<string, string>>) {
  await using folder = await tempDir();
  for (const [name, text] of Object.entries(files)) await folder.write(name, text);
  return loadLook(folder.path);
}

async function faultOf(files: Readonly<Record<string, string>>): Promise<string> {
  return lookOf(files).then(
    () => 'nothing',
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  );
}

test('an empty folder leaves the built-in page, byte for byte', async () => {
  const look = await lookOf({});
  expect(blockPage(INPUT, 'html', ENGLISH, look).body).toEqual(blockPage(INPUT, 'html').body);
  expect(blockPage(INPUT, 'text', ENGLISH, look).body).toEqual(blockPage(INPUT, 'text').body);
});

test('a template has every part of the page, escaped for where it stands', async () => {
  const look = await lookOf({ 'block.html': PAGE });
  const { body, headers } = blockPage(INPUT, 'html', ENGLISH, look);
  const page = body.toString();
  expect(page).toContain('alt="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"');
  expect(page).toContain("title='it&#39;s {{url}}'"); // a value is not read as a template again
  expect(page).not.toContain('<script');
  expect(page).toContain('<form method="post" action="/x">');
  expect(page).toContain('W-1KYSNCG0GCA5N');
  expect(headers.join()).toContain("default-src 'none'; style-src 'sha256-");
});

test('the style sheet and the logo are in the page, and the policy allows exactly them', async () => {
  const look = await lookOf({ 'style.css': ':root{--brand:#004}', 'logo.svg': '<svg/>' });
  const { body, headers } = blockPage({ ...INPUT, goOn: null }, 'html', ENGLISH, look);
  const sheet = /<style>(.*?)<\/style>/s.exec(body.toString())![1]!;
  expect(sheet.endsWith(':root{--brand:#004}')).toBe(true);
  const hash = createHash('sha256').update(sheet).digest('base64');
  const policy = headers[headers.indexOf('Content-Security-Policy') + 1];
  expect(policy).toBe(
    `default-src 'none'; img-src data:; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
  );
  expect(body.toString()).toContain('src="data:image/svg+xml;base64,PHN2Zy8+"');
});

test('texts replace those of a language, and a new language is English where it says nothing', async () => {
  const fine = await lookOf({
    'texts.de.json': '{"page.brand": "ACME", "block.download.title": "Halt!"}',
    'texts.nl.json': '{"block.download.title": "Download gestopt"}',
  });
  const pageFor = (language: string): string => {
    const words = languageOf(['Accept-Language', language], fine.catalogues);
    return blockPage(INPUT, 'html', words, fine).body.toString();
  };
  expect(pageFor('de')).toContain('<title>Halt! – ACME</title>');
  expect(pageFor('nl')).toMatch(
    /<html lang="nl" dir="ltr">[\s\S]*Download gestopt[\s\S]*Details for the help desk/,
  );
  expect(pageFor('en')).toContain('Download stopped – Weir');
});

test('block.txt is what programs read', async () => {
  const look = await lookOf({ 'block.txt': 'STOP {{threat}} {{incident}}\n{{lead}}' });
  const text = blockPage(INPUT, 'text', ENGLISH, look).body.toString();
  expect(text).toMatch(/^STOP ">.* W-1KYSNCG0GCA5N\nWeir found/);
});

describe('refused with file and line', () => {
  const html = (line: string): Record<string, string> => ({
    'block.html': `{{style}}{{incident}}\n${line}\n`,
  });

  test.each<[string, Record<string, string>, string]>([
    ['an unknown mark', html('{{threats}}'), 'block.html:2: {{threats}} is not known; there are title'],
    ['a mark that is not closed', html('<p>{{threat</p>'), 'block.html:2: {{ is never closed'],
    ['a script', html('<script>1</script>'), 'block.html:2: <script> is not allowed'],
    ['a style element', html('<style>a{}</style>'), 'block.html:2: <style> has no effect'],
    ['a refresh', html('<meta http-equiv="refresh" content="0">'), 'block.html:2: <meta> is not allowed'],
    ['a handler', html('<b onclick="x()">'), 'block.html:2: onclick is not allowed'],
    ['an inline style', html('<b style="color:red">'), 'block.html:2: style="…" has no effect'],
    ['a mark in an address', html('<a href="{{url}}">'), 'block.html:2: no mark may stand in href'],
    [
      'an attribute without quotes',
      html('<b title={{url}}>'),
      'block.html:2: the value of title needs quotes',
    ],
    ['a mark as an attribute', html('<b {{url}}>'), 'block.html:2: a mark must stand in the text'],
    ['a mark in a name', html('<b{{url}}>'), 'block.html:2: no mark may stand in the name'],
    ['markup in an attribute', html('<b title="{{details}}">'), 'block.html:2: {{details}} is markup'],
    ['a mark in a comment', html('<!-- {{url}} -->'), 'block.html:2: no mark may stand in a comment'],
    ['a tag that is not closed', html('<b title="x'), 'block.html:2: <b is never closed'],
    ['a page without its style', { 'block.html': '{{details}}' }, 'block.html:1: {{style}} is missing'],
    ['a page without an incident', { 'block.txt': 'stop' }, 'block.txt:1: {{incident}} is missing'],
    ['CSS that ends itself', { 'style.css': 'a{}\n</style>' }, 'style.css:2: </style is not allowed'],
    [
      'CSS that loads',
      { 'style.css': 'a{}\n\nb{background:url(http://x/)}' },
      'style.css:3: url( is not allowed',
    ],
    [
      'an unknown text',
      { 'texts.de.json': '{\n"block.download.titel": "x"}' },
      'texts.de.json:2: "block.download.titel" is no text; did you mean block.download.title?',
    ],
    [
      'a mark without a value',
      { 'texts.fr.json': '{"page.brand": "{site}"}' },
      'texts.fr.json:1: page.brand: {site} has no value',
    ],
    ['text that is no JSON', { 'texts.fr.json': '{"page.brand": }' }, 'texts.fr.json:1: no JSON'],
    ['a text that is none', { 'texts.fr.json': '{"page.brand": 1}' }, 'page.brand: expected a text'],
    ['a list', { 'texts.fr.json': '[]' }, 'texts.fr.json:1: expected an object'],
    ['a logo that is too large', { 'logo.png': 'x'.repeat(70_000) }, 'logo.png:1: 70000 bytes are more'],
  ])('%s', async (_, files, message) => {
    const fault = await faultOf(files);
    expect(fault).toMatch(/^ERR_CONFIG_VALUE usercheck\.templates: /);
    expect(fault).toContain(message);
  });

  test('all faults at once', async () => {
    const fault = await faultOf({ ...html('{{a}}\n{{b}}'), 'style.css': '@import "x"' });
    expect(fault.split('\n')).toHaveLength(3);
  });
});

test('a folder that is not there is an error of the configuration', () => {
  expect(() => loadLook('/nowhere/at/all')).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG_UNREADABLE' }),
  );
});
