// The blade: what is taken out of documents of each program, that the rest is whole and unchanged, and what
// becomes of those that cannot be cleaned.

import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import cdr from '../../../plugins/cdr/index.ts';
import type { ModifyVerdict, Verdict } from '../../../src/index.ts';
import { bladeOf } from '../../support/blade.ts';
import { zipOf } from '../../support/eicar.ts';
import { tempDir } from '../../support/tempDir.ts';
import {
  defectsOf,
  EXCEL_PARTS,
  membersOf,
  office,
  rels,
  SLIDE_PARTS,
  WORD_PARTS,
  type Parts,
} from './documents.ts';

const ALLOWED = { kind: 'allow' };

async function ask(parts: Parts | Buffer, options: object = {}, headers: string[] = []): Promise<Verdict> {
  await using blade = await bladeOf(cdr, options);
  const body = Buffer.isBuffer(parts) ? parts : office(parts);
  return await blade.ask({ direction: 'response', body, headers });
}

async function cleaned(parts: Parts, options?: object): Promise<Map<string, string>> {
  const verdict = (await ask(parts, options)) as ModifyVerdict;
  expect(verdict.kind).toBe('modify');
  const members = membersOf(verdict.body!);
  expect(defectsOf(members)).toEqual([]);
  return new Map([...members].map(([name, content]) => [name, content.toString()]));
}

describe('what the fixtures have', () => {
  test.each([WORD_PARTS, EXCEL_PARTS, SLIDE_PARTS])('is whole before', (parts) => {
    expect(defectsOf(membersOf(office(parts)))).toEqual([]);
  });
});

describe('a Word document', () => {
  test('loses its macros, control, object, template, remote picture and DDE field, and keeps the rest', async () => {
    const members = await cleaned(WORD_PARTS);
    expect([...members.keys()].sort()).toEqual([
      '[Content_Types].xml',
      '_rels/.rels',
      'word/_rels/document.xml.rels',
      'word/_rels/settings.xml.rels',
      'word/document.xml',
      'word/media/image1.png',
      'word/settings.xml',
    ]);
    const document = members.get('word/document.xml')!;
    expect(document).toContain('<w:t>Hello, reader</w:t>');
    expect(document).toContain('<v:imagedata r:id="rId8"/></v:shape></w:object>');
    expect(document).toContain('<w:hyperlink r:id="rId6"><w:r><w:t>site</w:t>');
    expect(document).toContain('<w:hyperlink><w:r><w:t>share</w:t>');
    expect(document).toContain('<a:blip r:embed="rId8"/>');
    expect(document).not.toMatch(/DDE|OLEObject|w:control/);
    expect(members.get('word/settings.xml')).toContain('<w:settings xmlns:w="urn:w" xmlns:r=');
    expect(members.get('word/settings.xml')).not.toContain('attachedTemplate');
    expect(members.get('word/_rels/document.xml.rels')).toContain('https://site.example/?a=1&#38;b=2');
    expect([...members.values()].join()).not.toMatch(
      /tracker\.example|evil\.example|file:|vbaProject|activeX/,
    );
  });

  test('loses what the options say alone', async () => {
    const members = await cleaned(WORD_PARTS, { remove: ['macros'] });
    expect(members.has('word/vbaProject.bin')).toBe(false);
    expect(members.get('word/document.xml')).toBe(WORD_PARTS['word/document.xml']);
    expect(members.get('word/embeddings/oleObject1.bin')).toBe('EMBEDDED');
  });

  test('is known by any of name, type and relationship, in whatever way these are written', async () => {
    const link = (type: string, target: string): Parts => ({
      '[Content_Types].xml': '<Types><Default Extension="xml" ContentType="application/xml"/></Types>',
      '_rels/.rels': rels(['rId1', 'officeDocument', 'word/document.xml']),
      'word/document.xml': '<w:document/>',
      'word/_rels/document.xml.rels': rels(['rId1', type, target]),
      'word/harmless.xml': 'MACRO CODE',
    });
    const disguised = [
      link('http://schemas.microsoft.com/office/2006/relationships/vba&#80;roject', 'harmless.xml'),
      link('http://schemas.microsoft.com/office/2006/relationships/vbaProject', '../WORD/./h%61rmless.xml'),
    ];
    const wide = Buffer.from(
      `\ufeff${rels(['rId1', `http://schemas.microsoft.com/office/2006/relationships/vbaProject`, 'harmless.xml'])}`,
      'utf16le',
    );
    disguised.push({ ...disguised[0]!, 'word/_rels/document.xml.rels': wide });
    for (const parts of disguised) {
      const verdict = (await ask(parts)) as ModifyVerdict;
      expect([...membersOf(verdict.body!).keys()]).not.toContain('word/harmless.xml');
    }
  });
});

test('a workbook loses its macro sheet with all names on it; its links lead nowhere', async () => {
  const members = await cleaned(EXCEL_PARTS);
  expect([...members.keys()].filter((name) => /macrosheet|embeddings/.test(name))).toEqual([]);
  const workbook = members.get('xl/workbook.xml')!;
  expect(workbook).toContain('<workbookView/>');
  expect(workbook).toContain('<sheets><sheet name="Data" sheetId="2" r:id="rId2"/></sheets>');
  expect(workbook).toContain(
    '<definedNames><definedName name="Area" localSheetId="0">Data!$A$1</definedName></definedNames>',
  );
  expect(members.get('xl/worksheets/sheet1.xml')).toMatch(/<\/sheetData><\/worksheet>$/);
  expect(members.get('xl/externalLinks/_rels/externalLink1.xml.rels')).toContain(
    'Target="removed.xlsx" TargetMode="External"',
  );
  expect(members.get('xl/externalLinks/externalLink2.xml')).toContain(
    '<ddeLink ddeService="removed" ddeTopic="removed"><ddeItems/>',
  );
});

test('slides lose objects with their frames, and clicks that run programs', async () => {
  const members = await cleaned(SLIDE_PARTS);
  const slide = members.get('ppt/slides/slide1.xml')!;
  expect(slide).toContain('<a:t>Title</a:t><a:hlinkClick r:id=""/>');
  expect(slide).toContain('<p:sp><a:hlinkClick r:id=""/></p:sp><p:graphicFrame><a:graphic><a:tbl/>');
  expect(slide).not.toContain('oleObj');
  expect(members.has('ppt/embeddings/oleObject1.bin')).toBe(false);
});

describe('a cleaned document', () => {
  test('passes the test of another program, is clean the second time, and its fields fit', async () => {
    await using folder = await tempDir();
    const headers = ['ETag', '"a"', 'Content-Encoding', 'gzip', 'Content-Type', 'application/x'];
    for (const parts of [WORD_PARTS, EXCEL_PARTS, SLIDE_PARTS]) {
      const verdict = (await ask(gzipSync(office(parts)), {}, headers)) as ModifyVerdict;
      expect(verdict.headers).toEqual(['Content-Type', 'application/x']);
      const file = await folder.write('cleaned', verdict.body!);
      expect(execFileSync('unzip', ['-t', file]).toString()).toContain('No errors detected');
      expect(await ask(verdict.body!)).toEqual(ALLOWED);
    }
  });

  test('of larger size is made in a thread', async () => {
    const filler = Array.from({ length: 40_000 }, (_, i) => Math.imul(i + 1, 2654435761).toString(36)).join(
      ' ',
    );
    const parts = { ...WORD_PARTS, 'word/media/large.txt': filler };
    expect(office(parts).length).toBeGreaterThan(64 * 1024);
    const members = await cleaned(parts);
    expect(members.get('word/media/large.txt')).toBe(filler);
    expect(members.has('word/vbaProject.bin')).toBe(false);
  });
});

describe('what is not changed', () => {
  const quiet: Parts = {
    '[Content_Types].xml': '<Types/>',
    '_rels/.rels': rels(['rId1', 'officeDocument', 'word/document.xml']),
    'word/document.xml': '<w:document><w:instrText>PAGE</w:instrText></w:document>',
  };
  const signed = {
    ...WORD_PARTS,
    '_rels/.rels': rels(
      ['rId1', 'officeDocument', 'word/document.xml'],
      [
        'rId2',
        'http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin',
        '_xmlsignatures/origin.sigs',
      ],
    ),
    '_xmlsignatures/origin.sigs': '',
  };
  const ole = (stream: string): Buffer =>
    Buffer.concat([
      Buffer.from('d0cf11e0a1b11ae1', 'hex'),
      Buffer.alloc(600),
      Buffer.from(stream, 'utf16le'),
      Buffer.alloc(600),
    ]);

  test.each<[string, Parts | Buffer]>([
    ['a document without active content', quiet],
    ['another ZIP file', zipOf([{ name: 'word/vbaProject.bin', data: Buffer.from('x') }])],
    ['another file', Buffer.from('PK is how it begins')],
    ['a picture', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['another OLE file', ole('Installer')],
  ])('%s', async (_, content) => {
    expect(await ask(content)).toEqual(ALLOWED);
  });

  test.each<[string, Parts | Buffer, object, object]>([
    ['signed: blocked', signed, {}, { kind: 'block', threat: 'Signed-Document' }],
    ['signed, passed', signed, { signed: 'pass' }, { kind: 'allow', notScanned: 'signed' }],
    ['in need of a password', ole('EncryptedPackage'), {}, { kind: 'allow', notScanned: 'encrypted' }],
    [
      'in need of a password, blocked',
      ole('EncryptedPackage'),
      { encrypted: 'block' },
      { threat: 'Encrypted-Document' },
    ],
    ['of an old format', ole('WordDocument'), {}, { kind: 'allow', notScanned: 'unsupported' }],
    ['of an old format, blocked', ole('WordDocument'), { legacy: 'block' }, { threat: 'Legacy-Document' }],
    ['too large', office(WORD_PARTS), { maxBytes: 1000 }, { kind: 'allow', notScanned: 'size' }],
    [
      'too large, blocked',
      office(WORD_PARTS),
      { maxBytes: 1000, oversized: 'block' },
      { threat: 'Oversized-Document' },
    ],
    ['cut off', office(WORD_PARTS).subarray(0, -30), {}, { threat: 'Unreadable-Document' }],
    [
      'cut off, passed',
      office(WORD_PARTS).subarray(0, -30),
      { unreadable: 'pass' },
      { notScanned: 'malformed' },
    ],
    [
      'with two parts of one name',
      zipOf([...twice()]),
      {},
      { reason: expect.stringContaining('two members have one name') },
    ],
    [
      'with a DTD',
      { ...quiet, '_rels/.rels': '<!DOCTYPE x><Relationships/>' },
      {},
      { reason: expect.stringContaining('DTD') },
    ],
  ])('a document %s', async (_, content, options, expected) => {
    expect(await ask(content, options)).toMatchObject(expected);
  });

  test('unless the signature may go, too', async () => {
    const members = await cleaned(signed, { signed: 'strip' });
    expect(members.has('_xmlsignatures/origin.sigs')).toBe(false);
    expect(members.get('_rels/.rels')).not.toContain('digital-signature');
  });

  test('requests, where the options do not name them', async () => {
    await using blade = await bladeOf(cdr);
    await using uploads = await bladeOf(cdr, { directions: ['request'] });
    expect(await blade.ask({ body: office(WORD_PARTS) })).toEqual(ALLOWED);
    expect(await uploads.ask({ body: office(WORD_PARTS) })).toMatchObject({ kind: 'modify' });
  });
});

function* twice(): Generator<{ name: string; data: Buffer }> {
  yield { name: '[Content_Types].xml', data: Buffer.from('<Types/>') };
  yield { name: '[content_types].xml', data: Buffer.from('<Types/>') };
}
