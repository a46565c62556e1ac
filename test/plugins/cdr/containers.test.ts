// Documents in archives and in uploads by form: cleaned where they lie, with all other bytes as they were; what is
// not looked into has a name and a policy.

import { execFileSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import cdr from '../../../plugins/cdr/index.ts';
import type { ModifyVerdict } from '../../../src/index.ts';
import { bladeOf, type BladeUnderTest } from '../../support/blade.ts';
import { zipOf } from '../../support/eicar.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { defectsOf, EXCEL_PARTS, membersOf, office, WORD_PARTS } from './documents.ts';

const DOCUMENT = office(WORD_PARTS);
const SHEET = office(EXCEL_PARTS);
const NOTES = Buffer.from('notes '.repeat(500));

let blade: BladeUnderTest;
beforeAll(async () => {
  blade = await bladeOf(cdr, { directions: ['request', 'response'] });
});
afterAll(async () => {
  await blade[Symbol.asyncDispose]();
});

async function changed(body: Buffer, headers: string[] = [], direction: 'request' | 'response' = 'response') {
  const verdict = (await blade.ask({ direction, body, headers })) as ModifyVerdict;
  expect(verdict.kind).toBe('modify');
  return verdict;
}

/** The document is whole, and its macros are gone. */
function expectClean(document: Buffer): void {
  const members = membersOf(document);
  expect(defectsOf(members)).toEqual([]);
  expect([...members.keys()].filter((name) => /vbaProject/i.test(name))).toEqual([]);
}

describe('documents in archives', () => {
  test('lose their macros, in archives within archives too, and all else keeps its bytes', async () => {
    const inner = zipOf([{ name: 'b.xlsm', data: SHEET }]);
    const outer = zipOf([
      { name: 'a.docm', data: DOCUMENT },
      { name: 'notes.txt', data: NOTES },
      { name: 'deep/inner.zip', data: inner },
    ]);
    const members = membersOf((await changed(outer)).body!);
    expect([...members.keys()]).toEqual(['a.docm', 'notes.txt', 'deep/inner.zip']);
    expectClean(members.get('a.docm')!);
    expect(members.get('notes.txt')!.equals(NOTES)).toBe(true);
    expectClean(membersOf(members.get('deep/inner.zip')!).get('b.xlsm')!);
  });

  test('leave an archive alone that holds none with active content', async () => {
    expect(await blade.ask({ body: zipOf([{ name: 'notes.txt', data: NOTES }]) })).toEqual({ kind: 'allow' });
  });

  test('above 64 KiB are cleaned in a thread', async () => {
    const noise = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i * 31) & 0xff));
    const body = zipOf([
      { name: 'noise', data: noise },
      { name: 'a.docm', data: Buffer.concat([DOCUMENT]) },
    ]);
    const padded = Buffer.concat([body.subarray(0, -2), Buffer.from([0x00, 0xf0]), Buffer.alloc(0xf000)]); // a comment
    const { body: result } = await changed(padded);
    expectClean(membersOf(result!.subarray(0, -0xf000)).get('a.docm')!);
    expect(result!.subarray(-0xf000).equals(Buffer.alloc(0xf000))).toBe(true);
  });
});

describe('parts of archives that are not looked into', () => {
  const archive = zipOf([{ name: 'a.docm', data: DOCUMENT }]);
  const central = archive.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
  const patched = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(archive);
    change(bytes);
    return bytes;
  };
  const hidden = Buffer.concat([archive.subarray(0, central), DOCUMENT, archive.subarray(central)]);
  hidden.writeUInt32LE(central + DOCUMENT.length, hidden.length - 6);
  let nested = archive;
  for (let level = 0; level < 4; level += 1) nested = zipOf([{ name: `${level}.zip`, data: nested }]);

  test.each([
    [
      'encrypted',
      patched((bytes) => bytes.writeUInt16LE(0x0801, central + 8)),
      /a\.docm: it needs a password/,
    ],
    [
      'of another method',
      patched((bytes) => (bytes.writeUInt16LE(12, central + 10), bytes.writeUInt16LE(12, 8))),
      /method 12/,
    ],
    ['damaged', patched((bytes) => void (bytes[200]! ^= 0xff)), /a\.docm: .* is damaged/],
    ['cut off', archive.subarray(0, -30), /no end record/],
    ['beside the directory', hidden, /more than its directory/],
    ['too deep', nested, /more than 3 levels/],
  ])('are named where they are %s: passed as not scanned, or blocked', async (_, body, why) => {
    expect(await blade.ask({ body })).toEqual({ kind: 'allow', notScanned: 'archive' });
    await using strict = await bladeOf(cdr, { closed: 'block', directions: ['request'] });
    const verdict = await strict.ask({ body });
    expect(verdict).toMatchObject({
      kind: 'block',
      threat: 'Closed-Archive',
      reason: expect.stringMatching(why),
    });
  });

  test('do not keep the documents beside them from being cleaned, and a signed one still blocks', async () => {
    const broken = Buffer.from(DOCUMENT);
    broken.writeUInt16LE(0x7777, broken.length - 12); // more members than it has
    const body = zipOf([
      { name: 'a.docm', data: DOCUMENT },
      { name: 'x.docm', data: broken },
    ]);
    await using lenient = await bladeOf(cdr, { unreadable: 'pass', directions: ['request'] });
    const result = (await lenient.ask({ body })) as ModifyVerdict;
    expectClean(membersOf(result.body!).get('a.docm')!);
    expect(await blade.ask({ body })).toMatchObject({
      kind: 'block',
      reason: expect.stringMatching(/^x\.docm: /),
    });
  });
});

describe('uploads by form', () => {
  const type = ['Content-Type', 'multipart/form-data; boundary="-- b;1"'];
  const pieces = (document: Buffer): (string | Buffer)[] => [
    '---- b;1\r\nContent-Disposition: form-data; name="note"\r\n\r\nk\xfcr\r\n',
    '---- b;1\r\nContent-Disposition: form-data; name="file"; filename="a.docm"\r\n',
    `Content-Type: application/octet-stream\r\nContent-Length: ${document.length}\r\n\r\n`,
    document,
    '\r\n---- b;1\r\nContent-Disposition: form-data; name="empty"\r\n\r\n',
    '\r\n---- b;1--\r\nepilogue',
  ];
  const form = (document: Buffer): Buffer =>
    Buffer.concat(pieces(document).map((each) => Buffer.from(each as string, 'latin1')));

  test.each([
    ['plain', (bytes: Buffer) => bytes, []],
    ['by gzip', gzipSync, ['Content-Encoding', 'gzip']],
  ])('lose the macros of their documents, sent %s, and keep all other bytes', async (_, coded, coding) => {
    const { body, headers } = await changed(coded(form(DOCUMENT)), [...type, ...coding], 'request');
    const from = body!.indexOf('\r\n\r\nPK') + 4;
    const to = body!.lastIndexOf('\r\n---- b;1\r\n');
    const document = body!.subarray(from, to);
    expectClean(document);
    expect(body!.equals(form(document))).toBe(true);
    expect(headers).toEqual(type);
  });

  test('with an archive of documents have them cleaned', async () => {
    const { body } = await changed(form(zipOf([{ name: 'in.docm', data: DOCUMENT }])), type, 'request');
    const archive = body!.subarray(body!.indexOf('\r\n\r\nPK') + 4, body!.lastIndexOf('\r\n---- b;1\r\n'));
    expectClean(membersOf(archive).get('in.docm')!);
  });

  test('without active content pass, and ones that cannot be read are named', async () => {
    const ask = (body: Buffer, headers = type) => blade.ask({ direction: 'request', body, headers });
    expect(await ask(form(NOTES))).toEqual({ kind: 'allow' });
    expect(await ask(Buffer.alloc(0))).toEqual({ kind: 'allow' });
    const gap = { kind: 'allow', notScanned: 'archive' };
    expect(await ask(form(DOCUMENT).subarray(0, -40))).toEqual(gap);
    expect(await ask(form(DOCUMENT), ['Content-Type', 'multipart/form-data'])).toEqual(gap);
    const text = form(DOCUMENT)
      .toString('latin1')
      .replace('Content-Type: app', 'Content-Transfer-Encoding: base64\r\nX: app');
    expect(await ask(Buffer.from(text, 'latin1'))).toEqual(gap);
  });
});

describeWithPeer(['zip'], () => {
  let folder: TempDir;
  beforeAll(async () => {
    folder = await tempDir();
    await mkdir(folder.join('in'));
    await folder.write('in/a.docm', DOCUMENT);
    await folder.write('in/run.sh', 'echo hello\n');
    execFileSync('chmod', ['750', folder.join('in/run.sh')]);
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  test('archives of Info-ZIP, streamed ones too, keep times, rights and comment; its unzip finds no fault', async () => {
    const args = (out: string): string[] => ['-q', '-r', out, 'in'];
    execFileSync('zip', [...args('plain.zip')], { cwd: folder.path });
    execFileSync('zip', ['-z', 'plain.zip'], {
      cwd: folder.path,
      input: 'a comment\n',
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await folder.write('streamed.zip', execFileSync('zip', args('-'), { cwd: folder.path }));
    for (const name of ['plain.zip', 'streamed.zip']) {
      const { body } = await changed(await readFile(folder.join(name)));
      await folder.write(`new-${name}`, body!);
      execFileSync('7zz', ['t', `new-${name}`], { cwd: folder.path, stdio: 'ignore' });
      const list = (file: string) =>
        execFileSync('7zz', ['l', '-slt', file], { cwd: folder.path }).toString();
      const kept = (text: string) => text.match(/^(?:Path|Modified|Attributes|Comment) = (?!.*\.zip).*$/gm);
      expect(kept(list(`new-${name}`))).toEqual(kept(list(name)));
    }
  });
});
