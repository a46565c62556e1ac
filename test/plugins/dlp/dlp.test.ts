// The blade over a corpus: numbers as people write them are found, look-alikes are not, and no report or log
// holds a number. Then words, passages of documents, containers, and the borders of pieces.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import dlp from '../../../plugins/dlp/index.ts';
import { fingerprintFolder, formatFingerprints } from '../../../plugins/dlp/fingerprint-file.ts';
import { bladeOf, type BladeUnderTest } from '../../support/blade.ts';
import { zipOf } from '../../support/eicar.ts';
import { tempDir } from '../../support/tempDir.ts';

const ALLOWED = { kind: 'allow' };
const CARD = '4012 8888 8888 1881';
const CARD_FOUND = { threat: 'DLP:card', reason: '1 card number ending in 1881 in the content' };
const text = (content: string): { body: Buffer } => ({ body: Buffer.from(content) });

const POSITIVES: [string, string][] = [
  ['card', 'Visa 4012888888881881, exp 12/28'],
  ['card', 'pay with 4012-8888-8888-1881 please'],
  ['card', '{"pan":"5105105105105100"}'],
  ['card', 'number=378282246310005&x'],
  ['card', 'Amex 3782 822463 10005.'],
  ['card', 'Diners: 3056 930902 5904'],
  ['card', 'cc;6011000990139424;Doe'],
  ['iban', 'IBAN: DE89 3704 0044 0532 0130 00'],
  ['iban', 'to GB29NWBK60161331926819 today'],
  ['iban', 'FR14 2004 1010 0505 0001 3M02 606 AND MORE'],
  ['us-ssn', 'SSN 536-90-4399'],
  ['us-ssn', 'social security no. 536904399'],
  ['de-steuer-id', 'IdNr. 86 095 742 719'],
  ['de-steuer-id', 'Steuer-ID: 86095742719'],
  ['fr-nir', '2 55 08 14 168 025 38'],
  ['fr-nir', 'numéro de sécurité sociale 255081416802538'],
  ['es-dni', 'DNI 12345678Z'],
  ['es-dni', 'NIE: X-1234567-L'],
  ['it-codice-fiscale', 'codice RSSMRA85T10A562S'],
  ['uk-nino', 'AB 12 34 56 C'],
  ['uk-nino', 'National Insurance: AB123456C'],
];

const LOOK_ALIKES: string[] = [
  'order 4012888888881882 of today', // Luhn fails
  'parcel 1234567812345670', // nobody issues it
  'id 40128888-8888-1881-4012-888888881881', // a UUID
  'a 0.4012888888881881 part', // a fraction
  '3.14159265358979323846264338327950288419716939937510',
  'sha 4012888888881881aef',
  'x4012888888881881',
  '40128888888818814012888888881881', // a longer number
  '4012 88 888 8888 1881', // groups that no card has
  '2026-11-22 23:59:59.401288 8888 1881',
  '1763852399000 1763852399001 1763852399002', // times in milliseconds
  '192.168.100.200 10.0.0.1 172.16.254.1',
  '978-3-16-148410-0 9783161484100', // ISBN
  'EAN 4006381333931',
  'IMEI 490154203237518',
  'tel +49 30 901820 555, +4915112345678',
  'DE00 3704 0044 0532 0130 00', // check digits
  'DE89 3704 0044 0532 0130', // too short
  'DE89370400440532013000X', // too long
  'GL12 MODEL 2000 SERIES 44 AND 55 OF THE REST',
  'ticket 536904399 of 2026', // nine digits, no word
  '000-12-3456 666-12-3456 900-12-3456',
  '123-45-6789', // printed on samples
  'phone 555-12-34567',
  'invoice 86095742719', // eleven digits, no word
  '255081416802538', // fifteen digits, no word
  'part 12345678Z of the plan', // no word
  'DNI 12345678A', // letter
  'RSSMRA85T10A562X', // check letter
  'AB123456C on the shelf', // no word
  'flight BA 12 34 56 or GB 12 34 56 A',
  'var a=0x4012888888881881;',
  Array.from({ length: 200 }, (_, i) => String(10_000_000 + i * 7919)).join(' '),
  Array.from({ length: 200 }, (_, i) => (0.1 + i / 7919).toFixed(16)).join('\n'),
];

describe('numbers', () => {
  test.each(POSITIVES)('%s is found in %j, and the report does not hold it', async (name, content) => {
    await using blade = await bladeOf(dlp);
    const verdict = await blade.ask(text(content));
    expect(verdict).toMatchObject({ kind: 'block', threat: `DLP:${name}` });
    expect(JSON.stringify([verdict, blade.logged])).not.toMatch(/\d{5}/);
  });

  test.each(LOOK_ALIKES)('%j is no find', async (content) => {
    await using blade = await bladeOf(dlp);
    expect(await blade.ask(text(content))).toEqual(ALLOWED);
  });

  test('as many different ones as the threshold says are needed', async () => {
    await using blade = await bladeOf(dlp, { numbers: { card: { min: 2 } } });
    expect(await blade.ask(text(`${CARD} and again ${CARD} and DE89370400440532013000`))).toEqual(ALLOWED);
    expect(await blade.ask(text(`${CARD}, 5105105105105100`))).toMatchObject({
      reason: '2 card numbers, the first ending in 1881 in the content',
    });
  });

  test('a find that is only logged passes, and the log does not hold it', async () => {
    await using blade = await bladeOf(dlp, { numbers: { card: { action: 'log' } } });
    expect(
      await blade.ask({ ...text(CARD), url: `http://a.example/?card=${encodeURIComponent(CARD)}` }),
    ).toEqual(ALLOWED);
    expect(blade.logged).toEqual(['warn passed with 1 card number ending in 1881, in query']);
  });

  test('responses are scanned where the options say so, requests where nothing is said', async () => {
    await using uploads = await bladeOf(dlp);
    await using downloads = await bladeOf(dlp, { directions: ['response'] });
    const response = { ...text(CARD), direction: 'response' as const };
    expect(await uploads.ask(response)).toEqual(ALLOWED);
    expect(await downloads.ask(response)).toMatchObject(CARD_FOUND);
    expect(await downloads.ask(text(CARD))).toEqual(ALLOWED);
  });
});

describe('what numbers are in', () => {
  let blade: BladeUnderTest; // one for all: its thread starts once
  beforeAll(async () => {
    blade = await bladeOf(dlp);
  });
  afterAll(async () => await blade[Symbol.asyncDispose]());

  const document = zipOf([
    { name: '[Content_Types].xml', data: Buffer.from('<Types/>') },
    {
      name: 'word/document.xml',
      data: Buffer.from(
        '<?xml version="1.0"?><w:document><w:p><w:r><w:t>4012 8888</w:t></w:r><w:r><w:t> 8888 1881</w:t></w:r></w:p></w:document>',
      ),
    },
  ]);
  const form = 'application/x-www-form-urlencoded';
  const part = (content: Buffer, file: string): Buffer =>
    Buffer.concat([
      Buffer.from(`--b\r\nContent-Disposition: form-data; name="f"; filename="${file}"\r\n\r\n`),
      content,
      Buffer.from('\r\n--b--\r\n'),
    ]);
  const multipart = ['Content-Type', 'multipart/form-data; boundary=b'];

  test.each<[string, { body?: Buffer; headers?: string[]; url?: string }, string]>([
    [
      'a form',
      { body: Buffer.from('a=b&card=4012+8888+8888%201881'), headers: ['Content-Type', form] },
      'the content',
    ],
    ['a query', { url: 'http://a.example/?c=4012%2D8888%2D8888%2D1881' }, 'query'],
    ['a gzip coding', { body: gzipSync(CARD), headers: ['Content-Encoding', 'gzip'] }, 'the content'],
    ['an archive', { body: zipOf([{ name: 'a/list.csv', data: Buffer.from(CARD) }]) }, 'a/list.csv'],
    ['runs of a Word document', { body: document }, 'word/document.xml'],
    ['an upload', { body: part(document, 'x.docx'), headers: multipart }, 'x.docx!/word/document.xml'],
    ['a file named by it', { body: zipOf([{ name: `${CARD}.txt`, data: Buffer.from(CARD) }]) }, '….txt'],
    ['UTF-16', { body: Buffer.from(`\ufeffcard ${CARD}`, 'utf16le') }, 'the content'],
    [
      'character references',
      { body: Buffer.from('<html><p>&#52;012 8888&nbsp;8888 1881</p>') },
      'the content',
    ],
  ])('%s', async (_, message, place) => {
    const reason = `1 card number ending in 1881 in ${place}`;
    expect(await blade.ask(message)).toMatchObject({ kind: 'block', reason });
  });

  test('a number is found wherever the borders of pieces are', async () => {
    for (let shift = 0; shift < 40; shift += 3) {
      const filler = 'no number here. '.repeat(2000).slice(0, 16 * 1024 - shift);
      expect([shift, await blade.ask(text(`${filler} ${CARD} and more`))]).toEqual([
        shift,
        expect.objectContaining(CARD_FOUND),
      ]);
    }
  });

  test('content that cannot be opened passes and is told, or is refused', async () => {
    const encrypted = Buffer.from(zipOf([{ name: 'a', data: Buffer.from(CARD) }]));
    encrypted.writeUInt16LE(encrypted.readUInt16LE(6) | 1, 6);
    encrypted.writeUInt16LE(1, encrypted.indexOf('PK\x01\x02') + 8);
    await using closed = await bladeOf(dlp, { onUnscannable: { encrypted: 'block' } });
    expect(await blade.ask({ body: encrypted })).toEqual({ kind: 'allow', notScanned: 'encrypted' });
    expect(await closed.ask({ body: encrypted })).toMatchObject({ threat: 'DLP:not-searched:encrypted' });
  });

  test('a scan that is aborted ends, and the next one works', async () => {
    const abort = new AbortController();
    const scan = blade.ask({ body: gzipSync(CARD), headers: ['Content-Encoding', 'gzip'] }, abort.signal);
    abort.abort();
    await expect(scan).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(await blade.ask({ body: zipOf([{ name: 'a', data: Buffer.from(CARD) }]) })).toMatchObject({
      kind: 'block',
    });
  });
});

describe('keywords', () => {
  const found = (name: string) => ({ kind: 'block', threat: `DLP:keywords ${name}`, severity: 'medium' });

  test.each<[object, string, boolean]>([
    [{}, 'the Project Halcyon plan', true],
    [{}, 'the project\n\thalcyon', true],
    [{}, 'project "halcyon"', true],
    [{}, 'PROJEKT ÜBERSICHT', true],
    [{}, 'projects halcyon', false],
    [{}, 'halcyon project', false],
    [{ min: 2 }, 'project halcyon, project halcyon', true],
    [{ min: 2, distinct: true }, 'project halcyon, project halcyon', false],
    [{ min: 2, distinct: true }, 'project halcyon: Projekt Übersicht', true],
    [{ min: 2, within: 50 }, `project halcyon${'.'.repeat(100)}project halcyon`, false],
    [{ min: 2, within: 200 }, `project halcyon${'.'.repeat(100)}project halcyon`, true],
  ])('with %j, %j is a find: %s', async (settings, content, expected) => {
    const keywords = [{ name: 'plans', words: ['Project Halcyon', 'Projekt Übersicht'], ...settings }];
    await using blade = await bladeOf(dlp, { keywords });
    const verdict = await blade.ask(text(content));
    expect(verdict).toMatchObject(expected ? found('plans') : ALLOWED);
    expect(JSON.stringify(verdict)).not.toMatch(/halcyon/i);
  });
});

describe('passages of protected documents', () => {
  const sentence = (n: number): string =>
    `Clause ${n}: party ${n * 37} shall within ${n * 13} days deliver item ${n * 101} to place ${n * 7}. `;
  const contract = Array.from({ length: 60 }, (_, n) => sentence(n)).join('');

  test('are found in other layout, and other text is not', async () => {
    await using folder = await tempDir();
    await using documents = await tempDir();
    await documents.write('contract.txt', contract);
    await documents.write('tiny.txt', 'too short');
    const file = await folder.write('prints', formatFingerprints(await fingerprintFolder(documents.path)));
    await using blade = await bladeOf(dlp, { fingerprints: { files: [file] } });
    expect(blade.watched).toEqual([file]);

    const passage = contract.slice(1000, 1500).toUpperCase().replaceAll(' ', '\r\n  ');
    const reason = 'a passage of the document "contract.txt" in the content';
    expect(await blade.ask(text(`Hello, see: ${passage} Bye`))).toMatchObject({
      threat: 'DLP:document',
      reason,
    });
    expect(await blade.ask(text(contract.slice(1000, 1100)))).toEqual(ALLOWED);
    expect(await blade.ask(text(contract.replaceAll(/\d+/g, 'some')))).toEqual(ALLOWED);
  });

  test('a file that is none is an error of the options', async () => {
    await using folder = await tempDir();
    const file = await folder.write('prints', '{"documents":[]}');
    await expect(bladeOf(dlp, { fingerprints: { files: [file] } })).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: expect.stringContaining('make it with make-fingerprints'),
    });
  });
});
