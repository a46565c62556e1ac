import { describe, expect, test } from '@jest/globals';
import CFB from 'cfb';
import { deflateSync } from 'node:zlib';
import { zipOf } from '../support/eicar.ts';
import { kinds, seen } from './seen.ts';

const MIB = 2 ** 20;

function ole(streams: Record<string, Buffer>): Buffer {
  const file = CFB.utils.cfb_new();
  for (const [name, content] of Object.entries(streams)) CFB.utils.cfb_add(file, name, content);
  return Buffer.from(CFB.write(file, { type: 'buffer' }) as Uint8Array);
}

/** What the object packager writes: label, source path, temporary path, then the file. */
function packaged(name: string, content: Buffer): Buffer {
  const text = Buffer.from(`${name}\0C:\\${name}\0`);
  const head = Buffer.alloc(6);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(2, 4);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(content.length);
  return Buffer.concat([head, text, lengths, Buffer.from('T\0'), size, content]);
}

describe('walk through OLE files', () => {
  test('yields streams, the file in a package, and what is packed in that', async () => {
    const result = await seen(
      ole({
        '/Contents': Buffer.from('plain stream'),
        '/\x01Ole10Native': packaged('in.zip', zipOf([{ name: 'deep.txt', data: Buffer.from('deep') }])),
      }),
    );
    expect(result.contents['Contents']).toBe('plain stream');
    expect(result.contents['Ole10Native!/in.zip!/deep.txt']).toBe('deep');
    expect(result.troubles).toEqual([]);
  });

  test('opens macros of an Office document packed as zip', async () => {
    // One chunk of literal tokens: eight bytes of source behind each flag byte.
    const source = Buffer.from('Attribute VB_Name = "Module1"\r\nSub AutoOpen()\r\nEnd Sub\r\n');
    const tokens: Buffer[] = [];
    for (let at = 0; at < source.length; at += 8) tokens.push(Buffer.from([0]), source.subarray(at, at + 8));
    const body = Buffer.concat(tokens);
    const head = Buffer.alloc(3);
    head[0] = 1;
    head.writeUInt16LE(0xb000 | (body.length - 1), 1);
    const module = Buffer.concat([Buffer.from('compiled code'), head, body]);
    const document = zipOf([
      { name: '[Content_Types].xml', data: Buffer.from('<?xml version="1.0"?>') },
      { name: 'word/vbaProject.bin', data: ole({ '/VBA/Module1': module }) },
    ]);
    const { contents } = await seen(document);
    expect(contents['word/vbaProject.bin!/VBA/Module1!/macro']).toBe(source.toString());
  });

  test('names documents that need a password', async () => {
    const modern = ole({ '/EncryptionInfo': Buffer.alloc(40), '/EncryptedPackage': Buffer.alloc(600) });
    expect(kinds(await seen(modern))).toEqual(['encrypted']);
    const word = Buffer.alloc(64);
    word.writeUInt16LE(0xa5ec, 0);
    word.writeUInt16LE(0x0100, 10);
    expect(kinds(await seen(ole({ '/WordDocument': word })))).toEqual(['encrypted']);
    const excel = Buffer.from('09080000' + '2f000000', 'hex');
    expect(kinds(await seen(ole({ '/Workbook': excel })))).toEqual(['encrypted']);
  });

  test('names damage, and survives it anywhere', async () => {
    const file = ole({ '/A': Buffer.alloc(5000, 'x'), '/B': Buffer.from('short') });
    expect(kinds(await seen(file.subarray(0, 600)))).toEqual(['malformed']);
    for (let at = 8; at < file.length; at += 13) {
      const damaged = Buffer.from(file);
      damaged[at]! ^= 0xff;
      await seen(damaged);
    }
  });
});

describe('walk through PDFs', () => {
  const object = (number: number, dictionary: string, data: Buffer | string): Buffer =>
    Buffer.concat([
      Buffer.from(`${number} 0 obj\n<< ${dictionary} /Length ${data.length} >>\nstream\n`),
      Buffer.from(data as string),
      Buffer.from('\nendstream\nendobj\n'),
    ]);
  const pdf = (...objects: Buffer[]): Buffer =>
    Buffer.concat([Buffer.from('%PDF-1.7\n'), ...objects, Buffer.from('trailer << /Root 1 0 R >>\n%%EOF')]);
  const values = async (body: Buffer): Promise<string[]> => Object.values((await seen(body)).contents);

  test('decodes streams by each filter, alone and in chains', async () => {
    const plain = 'app.alert(1)';
    const hex = Buffer.from(plain).toString('hex');
    const file = pdf(
      object(1, '/Filter /FlateDecode', deflateSync(plain)),
      object(2, '/Filter [/ASCIIHexDecode]', `${hex}>`),
      object(3, '/Filter [ /AHx /Fl ]', `${deflateSync(plain).toString('hex')}>`),
      object(4, '/Filter /ASCII85Decode', '87cURD]i,"Ebo80~>'),
      object(5, '/Filter /RunLengthDecode', Buffer.from([2, 0x61, 0x62, 0x63, 254, 0x64, 128])),
      object(6, '/Filter /LZWDecode', Buffer.from('800b6050220c0c8501', 'hex')),
      object(7, '/F#69lter /Fl#61teDecode', deflateSync(plain)),
      object(8, '', plain),
    );
    expect(await values(file)).toEqual([
      ...[plain, plain, plain, 'Hello World!', 'abcddd', '-----A---B', plain, plain],
    ]);
    expect((await seen(file)).troubles).toEqual([]);
  });

  test('decodes data that holds the word endstream, and a stream that is cut off', async () => {
    const tricky = deflateSync('stored: endstream', { level: 0 });
    expect((await values(pdf(object(1, '/Filter/FlateDecode', tricky))))[0]).toBe('stored: endstream');
    const cut = pdf(object(1, '/Filter /FlateDecode', deflateSync('x'.repeat(5000)))).subarray(0, 90);
    const result = await seen(cut);
    expect(kinds(result)).toEqual(['malformed']);
  });

  test('opens an archive that is attached', async () => {
    const zip = zipOf([{ name: 'in.txt', data: Buffer.from('deep') }]);
    const { contents } = await seen(pdf(object(1, '/Type /EmbeddedFile /Filter /Fl', deflateSync(zip))));
    expect(Object.entries(contents).find(([name]) => name.endsWith('!/in.txt'))?.[1]).toBe('deep');
  });

  test('names encryption, bombs and unknown filters', async () => {
    const encrypted = Buffer.from('%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF');
    expect(kinds(await seen(encrypted))).toEqual(['encrypted']);
    const bomb = pdf(object(1, '/Filter [/Fl /Fl]', deflateSync(deflateSync(Buffer.alloc(24 * MIB)))));
    expect(kinds(await seen(bomb))).toContain('budget');
    expect(kinds(await seen(pdf(object(1, '/Filter /Nonsense', 'x'))))).toEqual(['unsupported']);
  });
});
