import { describe, expect, test } from '@jest/globals';
import { isPlain } from '../../src/detect/index.ts';
import { eicar, zipOf } from '../support/eicar.ts';
import { kinds, seen } from './seen.ts';

const ZIP = zipOf([{ name: 'in.txt', data: Buffer.from('deep') }]);
const wrap = (text: string): string => text.replace(/.{76}/g, '$&\n');

describe('walk through mails', () => {
  const HEAD = 'From: a@example.com\nSubject: x\nMIME-Version: 1.0\n';
  const mail = [
    `${HEAD}Content-Type: multipart/mixed;\n boundary="out"`,
    '',
    'preamble',
    '--out',
    'Content-Type: multipart/alternative; boundary=in',
    '',
    '--in',
    'Content-Transfer-Encoding: quoted-printable',
    'Content-Disposition: inline; filename=text',
    '',
    'caf=C3=A9 joined=\n up',
    '--in--',
    '--out',
    'Content-Type: application/zip; name=a.zip',
    'Content-Transfer-Encoding: BASE64',
    'Content-Disposition: attachment; filename="a.zip"',
    '',
    wrap(ZIP.toString('base64')),
    '--out--',
    '',
  ].join('\n');
  const expected = {
    'mail body!/part-1!/text': 'caf\xc3\xa9 joined up',
    'mail body!/a.zip!/in.txt': 'deep',
  };

  test.each([
    ['line feeds', mail],
    ['carriage returns', mail.replaceAll('\n', '\r\n')],
    ['a separator of mbox', `From a@example.com Thu Jul 31 13:49:50 2008\n${mail}`],
  ])('decodes parts of parts, with %s', async (_name, text) => {
    const result = await seen(Buffer.from(text));
    expect(result.contents).toMatchObject(expected);
    expect(result.troubles).toEqual([]);
  });

  test('reads each mail of an mbox, and bodies that are one file', async () => {
    const one = `From x\n${HEAD}Content-Transfer-Encoding: base64\n\n${wrap(ZIP.toString('base64'))}\n`;
    const { contents } = await seen(Buffer.from(one + one));
    expect(contents).toMatchObject({ 'mail body!/in.txt': 'deep', 'mail body 2!/in.txt': 'deep' });
  });

  test('says when a mail is cut off', async () => {
    expect(kinds(await seen(Buffer.from(mail.slice(0, -10))))).toEqual(['malformed']);
    expect(kinds(await seen(Buffer.from(HEAD)))).toEqual(['malformed']);
  });

  test('decodes an uploaded part that names a transfer encoding', async () => {
    const part = 'Content-Disposition: form-data; name=f; filename=e\r\nContent-Transfer-Encoding: base64';
    const body = Buffer.from(`--b\r\n${part}\r\n\r\n${eicar().toString('base64')}\r\n--b--\r\n`);
    const { contents } = await seen(body, { contentType: 'multipart/form-data; boundary=b' });
    expect(contents).toEqual({ e: eicar().toString('latin1') });
  });
});

describe('walk through text', () => {
  const base64 = ZIP.toString('base64');
  const inner = async (text: string | Buffer): Promise<string[]> => {
    const { contents } = await seen(Buffer.from(text as string));
    return Object.entries(contents)
      .filter(([name]) => name.endsWith('!/in.txt'))
      .map(([, content]) => content);
  };

  test.each([
    ['a data: URI', `<!doctype html><a href="data:application/zip;base64,${base64}">x</a>`],
    ['a data: URI with parameters', `<p><img src='data:a/b;name=x;base64,${base64}'>`],
    ['a percent-encoded data: URI', `<p><a href="data:;base64,${encodeURIComponent(base64)}">`],
    ['a string literal', `(function(){save(atob("${base64}"))})()`],
    [
      'wrapped lines',
      `a note\n\n${wrap(Buffer.concat([ZIP, Buffer.alloc(900, 'xY')]).toString('base64'))}\n`,
    ],
    ['UTF-16', Buffer.from(`\ufeff<html><script>x='${base64}'</script>`, 'utf16le')],
    ['hexadecimal digits', `var x = '${ZIP.toString('hex')}'`],
    ['RTF', `{\\rtf1 {\\object\\objemb{\\*\\objdata ${objectOf(ZIP).toString('hex')}}}}`],
  ])('opens an archive written out in %s', async (_name, text) => {
    expect(await inner(text)).toContain('deep');
  });

  test('takes ordinary pages for what they are', () => {
    for (const text of [
      '',
      '<!doctype html><p>A plain page with /a/rather/long/path/of/many/parts/that/ends/somewhere.html',
      `<p class="${'abc'.repeat(50)}">`,
      `${'='.repeat(2000)}\n${'a'.repeat(2000)}`,
      '{"json": [1, 2, 3], "token": "c2hvcnQ="}',
    ]) {
      expect([text, isPlain(Buffer.from(text))]).toEqual([text, true]);
    }
    expect(isPlain(Buffer.from(`<a href="data:text/plain,${'x'.repeat(50)}">`))).toBe(false);
    expect(isPlain(ZIP)).toBe(false);
  });

  test('finds the shortest literals and runs wherever they begin, and none that is shorter', () => {
    const run = (length: number) => 'aB3d'.repeat(128).slice(0, length);
    const wrapped = (last: number) => `${`${run(60)}\n`.repeat(8)}${run(last)}`;
    for (let at = 0; at < 130; at += 1) {
      const before = 'words of seven '.repeat(10).slice(-at, at === 0 ? 0 : undefined);
      const found = [`"${run(64)}"`, ` ${run(512)} `, ` ${wrapped(40)} `].map((text) => before + text);
      const passed = [`"${run(63)}"`, ` ${run(511)} `, ` ${wrapped(20)} `].map((text) => before + text);
      expect([at, ...found.map((text) => isPlain(Buffer.from(text)))]).toEqual([at, false, false, false]);
      expect([at, ...passed.map((text) => isPlain(Buffer.from(text)))]).toEqual([at, true, true, true]);
    }
    for (const text of [
      'x DATA:,0123456789abcdef',
      'a: data: b: data:,0123456789abcdef',
      `\nbegin 644 f\n0${run(22)}\n`,
    ])
      expect([text, isPlain(Buffer.from(text))]).toEqual([text, false]);
    expect(isPlain(Buffer.from('metadata:,0123456789abcdef begin 644 f'))).toBe(true);
  });

  test('is no trouble at the greatest depth unless something is written out there', async () => {
    const archive = (text: string) => zipOf([{ name: 'page.html', data: Buffer.from(text) }]);
    expect(kinds(await seen(archive('<p>plain'), {}, { maxDepth: 1 }))).toEqual([]);
    const hiding = archive(`<p>data:;base64,${base64}`);
    expect(kinds(await seen(hiding, {}, { maxDepth: 1 }))).toEqual(['budget']);
  });
});

/** An OLE 1.0 object: version, format, three counted strings, the data. */
function objectOf(data: Buffer): Buffer {
  const head = Buffer.alloc(8 + 4 + 4 + 4 + 4 + 4);
  head.writeUInt32LE(0x501, 0);
  head.writeUInt32LE(2, 4);
  head.writeUInt32LE(4, 8);
  head.write('abc\0', 12);
  head.writeUInt32LE(data.length, 24);
  return Buffer.concat([head, data]);
}
