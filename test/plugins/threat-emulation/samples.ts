// The corpus of test/vectors/threat-emulation as messages: what kind of file each sample is, its media
// type, and the containers that macros and parts of documents are put into. All samples are harmless by
// construction: their hosts do not exist, their programs are not programs.

import CFB from 'cfb';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { zipOf } from '../../support/eicar.ts';

export interface Sample {
  /** File name in the corpus, or of a sample that is made here. */
  readonly name: string;
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

const VECTORS = fileURLToPath(new URL('../../vectors/threat-emulation', import.meta.url));

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  js: 'application/javascript',
  html: 'text/html; charset=utf-8',
  svg: 'image/svg+xml',
  hta: 'application/hta',
  pdf: 'application/pdf',
  csv: 'text/csv',
  rtf: 'application/rtf',
};

/** The samples of one half of the corpus. */
export function corpus(half: 'malicious' | 'benign'): Sample[] {
  return readdirSync(`${VECTORS}/${half}`).map((name) =>
    sample(name, readFileSync(`${VECTORS}/${half}/${name}`)),
  );
}

function sample(name: string, content: Buffer): Sample {
  const ending = name.replace(/^.*\./, '');
  if (ending === 'bas')
    return { name, body: macroDocument([content]), headers: download(name.replace('.bas', '.doc')) };
  const part = /^\w+\.(\w+)\.xml(\.rels)?$/.exec(name);
  if (part !== null) {
    const path = part[2] === undefined ? `word/${part[1]!}.xml` : `word/_rels/${part[1]!}.xml.rels`;
    return { name, body: wordDocument([{ name: path, data: content }]), headers: download('letter.docx') };
  }
  return {
    name,
    body: content,
    headers: { 'content-type': MEDIA_TYPES[ending] ?? 'application/octet-stream', ...download(name) },
  };
}

function download(name: string): Record<string, string> {
  return { 'content-disposition': `attachment; filename="${name}"` };
}

/** A Word document of the old format with these macro modules. */
export function macroDocument(modules: readonly Buffer[]): Buffer {
  const container = CFB.utils.cfb_new();
  CFB.utils.cfb_add(container, '/WordDocument', Buffer.alloc(64));
  for (const [index, source] of modules.entries()) {
    CFB.utils.cfb_add(
      container,
      `/Macros/VBA/Module${index}`,
      Buffer.concat([Buffer.alloc(20, 0x11), compressed(source)]),
    );
  }
  return Buffer.from(CFB.write(container, { type: 'buffer' }) as Buffer);
}

export function wordDocument(parts: readonly { name: string; data: Buffer }[]): Buffer {
  const types = Buffer.from(
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
  );
  return zipOf([{ name: '[Content_Types].xml', data: types }, ...parts]);
}

/** A compressed container of literal tokens alone. [MS-OVBA] 2.4.1 */
function compressed(source: Buffer): Buffer {
  const out = [Buffer.of(1)];
  for (let at = 0; at < source.length; at += 3600) {
    const tokens: Buffer[] = [];
    const chunk = source.subarray(at, at + 3600);
    for (let from = 0; from < chunk.length; from += 8)
      tokens.push(Buffer.of(0), chunk.subarray(from, from + 8));
    const data = Buffer.concat(tokens);
    const head = Buffer.alloc(2);
    head.writeUInt16LE(0xb000 | (data.length - 1));
    out.push(head, data);
  }
  return Buffer.concat(out);
}

/** A shell link that starts a program. [MS-SHLLINK] 2.1, 2.4 */
export function shortcut({
  target,
  args = '',
  icon = '',
  show = 1,
}: {
  target: string;
  args?: string;
  icon?: string;
  show?: number;
}): Buffer {
  const header = Buffer.alloc(76);
  Buffer.from('4c0000000114020000000000c000000000000046', 'hex').copy(header);
  header.writeUInt32LE(0x80 | 0x08 | (args === '' ? 0 : 0x20) | (icon === '' ? 0 : 0x40), 20);
  header.writeUInt32LE(show, 60);
  const text = (value: string): Buffer => {
    const length = Buffer.alloc(2);
    length.writeUInt16LE(value.length);
    return Buffer.concat([length, Buffer.from(value, 'utf16le')]);
  };
  return Buffer.concat([
    header,
    text(target),
    ...[args, icon].filter((value) => value !== '').map(text),
    Buffer.alloc(4),
  ]);
}

/** A 32-bit program with one section that holds its imports of kernel32. */
export function program(
  imports: readonly string[],
  { code = Buffer.alloc(0x400), writable = false } = {},
): Buffer {
  const section = Buffer.alloc(0x1000);
  const base = 0x1000;
  let at = 0x400;
  const table = 40;
  imports.forEach((name, index) => {
    section.writeUInt32LE(base + at, table + index * 4);
    section.write(`\0\0${name}\0`, at, 'latin1');
    at += name.length + 3;
  });
  section.write('kernel32.dll\0', at, 'latin1');
  section.writeUInt32LE(base + table, 0);
  section.writeUInt32LE(base + at, 12);
  section.writeUInt32LE(base + table, 16);
  const head = Buffer.alloc(0x400);
  head.write('MZ', 0, 'latin1');
  head.writeUInt32LE(0x80, 0x3c);
  head.write('PE\0\0', 0x80, 'latin1');
  head.writeUInt16LE(0x14c, 0x84);
  head.writeUInt16LE(2, 0x86);
  head.writeUInt16LE(224, 0x94);
  head.writeUInt16LE(0x102, 0x96);
  head.writeUInt16LE(0x10b, 0x98);
  head.writeUInt32LE(base, 0x98 + 96 + 8);
  const entry = (
    index: number,
    name: string,
    address: number,
    raw: number,
    size: number,
    flags: number,
  ): void => {
    const place = 0x98 + 224 + index * 40;
    head.write(name, place, 'latin1');
    head.writeUInt32LE(size, place + 8);
    head.writeUInt32LE(address, place + 12);
    head.writeUInt32LE(size, place + 16);
    head.writeUInt32LE(raw, place + 20);
    head.writeUInt32LE(flags, place + 36);
  };
  entry(0, '.idata', base, 0x400, section.length, 0x40000040);
  entry(1, '.text', 0x10000, 0x1400, code.length, writable ? 0xe0000020 : 0x60000020);
  return Buffer.concat([head, section, code]);
}
