// Recognises content by its first bytes: the containers that are opened here, those that are only
// reported, executables, documents, images and script text. Declared types are not looked at: what a
// server says and what a file is differ exactly where it matters.

export interface FileType {
  /** Short name, e.g. `zip`, `pe`, `html`. */
  readonly name: FileTypeName;
  readonly mime: string;
}

export type FileTypeName =
  | 'zip'
  | 'ooxml'
  | 'odf'
  | 'jar'
  | 'gzip'
  | 'bzip2'
  | 'xz'
  | 'zstd'
  | '7z'
  | 'rar'
  | 'cab'
  | 'iso'
  | 'cpio'
  | 'arj'
  | 'chm'
  | 'tar'
  | 'pdf'
  | 'pe'
  | 'elf'
  | 'mach-o'
  | 'ole'
  | 'png'
  | 'jpeg'
  | 'gif'
  | 'rtf'
  | 'mail'
  | 'html'
  | 'xml'
  | 'script';

/** Bytes from the start that `detectType` makes use of; more do no harm. */
export const HEAD_BYTES = 34 * 1024;

/** Members named within this reach tell what kind of zip it is. */
const ZIP_REACH = 4096;
/** Where the first volume descriptor of ISO 9660 stands: 16 sectors of 2 KiB are left to boot code. */
const ISO_DESCRIPTOR = 32_768;

/** PDF readers accept the header anywhere in the first kilobyte. */
const PDF_HEADER_REACH = 1024;
const TAR_BLOCK = 512;

const type = (name: FileTypeName, mime: string): FileType => ({ name, mime });

const SIGNATURES: readonly (readonly [signature: Buffer, type: FileType])[] = [
  [hex('1f8b'), type('gzip', 'application/gzip')],
  [hex('fd377a585a00'), type('xz', 'application/x-xz')],
  [hex('28b52ffd'), type('zstd', 'application/zstd')],
  [hex('377abcaf271c'), type('7z', 'application/x-7z-compressed')],
  [Buffer.from('Rar!\x1a\x07', 'latin1'), type('rar', 'application/vnd.rar')],
  [Buffer.from('MSCF\0\0\0\0', 'latin1'), type('cab', 'application/vnd.ms-cab-compressed')],
  [Buffer.from('070701'), type('cpio', 'application/x-cpio')],
  [Buffer.from('070702'), type('cpio', 'application/x-cpio')],
  [Buffer.from('070707'), type('cpio', 'application/x-cpio')],
  [Buffer.from('ITSF\x03\0\0\0', 'latin1'), type('chm', 'application/vnd.ms-htmlhelp')],
  [hex('7f454c46'), type('elf', 'application/x-elf')],
  [hex('feedface'), type('mach-o', 'application/x-mach-binary')],
  [hex('feedfacf'), type('mach-o', 'application/x-mach-binary')],
  [hex('cefaedfe'), type('mach-o', 'application/x-mach-binary')],
  [hex('cffaedfe'), type('mach-o', 'application/x-mach-binary')],
  [hex('d0cf11e0a1b11ae1'), type('ole', 'application/x-ole-storage')],
  [hex('89504e470d0a1a0a'), type('png', 'image/png')],
  [hex('ffd8ff'), type('jpeg', 'image/jpeg')],
  [Buffer.from('GIF8'), type('gif', 'image/gif')],
];

/** First words of text that interpreters run; matched after white space and a byte order mark. */
const SCRIPT_START =
  /^(?:#!\s*\/|<\?php\b|<\?=|<%@?|@echo off\b|powershell(?:\.exe)?\s|(?:var|let|const|function)\s+[\w$]|'use strict'|"use strict"|import\s+[\w{*'"]|option explicit\b|on error resume next\b|sub\s+\w+\s*\()/i;
const HTML_START =
  /^(?:<!doctype\s+html|<(?:html|head|body|script|iframe|title|table|meta|style|div|a|p|h1|br|svg)[\s>/]|<!--)/i;

/** A mail begins with header fields, or with an mbox's separator; two of these must be there. */
const MAIL_START = /^(?:From \S|>?[A-Za-z][A-Za-z0-9-]{1,60}:[ \t])/;
const MAIL_FIELDS =
  /^(?:from|to|subject|date|received|return-path|message-id|mime-version|content-type|content-transfer-encoding):/gim;

/**
 * Names the type of content.
 * @param head the first bytes, `HEAD_BYTES` of them where there are as many
 * @returns null where nothing is recognised
 */
export function detectType(head: Buffer): FileType | null {
  for (const [signature, found] of SIGNATURES) if (startsWith(head, signature)) return found;
  return (
    zipType(head) ??
    bzip2Type(head) ??
    binaryCpioType(head) ??
    arjType(head) ??
    peType(head) ??
    machoFatType(head) ??
    tarType(head) ??
    isoType(head) ??
    textType(head)
  );
}

function zipType(head: Buffer): FileType | null {
  const kind = head.length >= 4 ? head.readUInt32LE(0) : 0;
  // Local header, empty archive, and the marker of an archive that once spanned disks.
  if (kind !== 0x04034b50 && kind !== 0x06054b50 && kind !== 0x08074b50) return null;
  const text = head.toString('latin1', 0, ZIP_REACH);
  if (/\[Content_Types\]\.xml|_rels\/\.rels|(?:word|xl|ppt)\/\w/.test(text)) {
    return type('ooxml', 'application/vnd.openxmlformats-officedocument');
  }
  const odf = /mimetype(application\/vnd\.oasis\.opendocument\.[a-z]+)/.exec(text);
  if (odf) return type('odf', odf[1]!);
  if (/META-INF\/(?:MANIFEST\.MF)?|\.class\b/.test(text)) return type('jar', 'application/java-archive');
  return type('zip', 'application/zip');
}

function bzip2Type(head: Buffer): FileType | null {
  // `BZh`, level, then the block or end-of-stream magic: three letters alone are too common in text.
  if (head.toString('latin1', 0, 3) !== 'BZh' || head.length < 10) return null;
  const block = head.toString('hex', 4, 10);
  return block === '314159265359' || block === '177245385090' ? type('bzip2', 'application/x-bzip2') : null;
}

/** Two bytes of magic are too few: the name's length and its final zero must fit. */
function binaryCpioType(head: Buffer): FileType | null {
  const magic = head.length >= 28 ? head.readUInt16LE(0) : 0;
  if (magic !== 0x71c7 && magic !== 0xc771) return null;
  const nameSize = magic === 0x71c7 ? head.readUInt16LE(20) : head.readUInt16BE(20);
  if (nameSize < 2 || nameSize > 1024 || head[26 + nameSize - 1] !== 0) return null;
  return type('cpio', 'application/x-cpio');
}

function arjType(head: Buffer): FileType | null {
  if (head.length < 12 || head.readUInt16BE(0) !== 0x60ea) return null;
  const [headerSize, firstSize, fileType] = [head.readUInt16LE(2), head[4]!, head[10]!];
  if (headerSize > 2600 || firstSize < 30 || firstSize > headerSize || fileType !== 2) return null;
  return type('arj', 'application/x-arj');
}

function isoType(head: Buffer): FileType | null {
  const found = head.toString('latin1', ISO_DESCRIPTOR + 1, ISO_DESCRIPTOR + 6) === 'CD001';
  return found ? type('iso', 'application/x-iso9660-image') : null;
}

function peType(head: Buffer): FileType | null {
  if (head.length < 64 || head.toString('latin1', 0, 2) !== 'MZ') return null;
  const offset = head.readUInt32LE(0x3c);
  const signature = offset + 4 <= head.length ? head.toString('latin1', offset, offset + 4) : null;
  // A stub longer than the head cannot be followed; MZ with a plausible offset is taken for PE.
  const plausible = signature === null ? offset % 4 === 0 && offset < 2 ** 24 : signature === 'PE\0\0';
  return plausible ? type('pe', 'application/vnd.microsoft.portable-executable') : null;
}

function machoFatType(head: Buffer): FileType | null {
  // Shares its magic with Java classes, where the same field is a version of 45 and more.
  if (head.length < 8 || head.readUInt32BE(0) !== 0xcafebabe) return null;
  const architectures = head.readUInt32BE(4);
  return architectures > 0 && architectures < 30 ? type('mach-o', 'application/x-mach-binary') : null;
}

function tarType(head: Buffer): FileType | null {
  if (head.length < TAR_BLOCK) return null;
  const found = type('tar', 'application/x-tar');
  if (head.toString('latin1', 257, 262) === 'ustar') return found;
  return head[0] !== 0 && tarChecksumHolds(head) ? found : null;
}

/** True when the header block's checksum is right, which random data passes once in 10^5 at most. */
export function tarChecksumHolds(block: Buffer): boolean {
  const stored = /^[ \0]*([0-7]{1,7})[ \0]/.exec(block.toString('latin1', 148, 156));
  if (stored === null) return false;
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK; i += 1) sum += i >= 148 && i < 156 ? 0x20 : block[i]!;
  return sum === parseInt(stored[1]!, 8);
}

function textType(head: Buffer): FileType | null {
  const pdf = head.subarray(0, PDF_HEADER_REACH).indexOf('%PDF-');
  const text = decodeText(head).trimStart();
  if (pdf === 0) return type('pdf', 'application/pdf');
  if (/^\{\\rt/.test(text)) return type('rtf', 'application/rtf');
  if (MAIL_START.test(text)) {
    const fields = decodeText(head, 4096).match(MAIL_FIELDS) ?? [];
    if (new Set(fields.map((field) => field.toLowerCase())).size >= 2) return type('mail', 'message/rfc822');
  }
  if (HTML_START.test(text)) return type('html', 'text/html');
  if (/^<\?xml\s/i.test(text)) return type('xml', 'application/xml');
  if (SCRIPT_START.test(text)) return type('script', 'text/x-script');
  return pdf > 0 ? type('pdf', 'application/pdf') : null;
}

/** UTF-16 by its byte order mark, else bytes as latin-1; only ASCII words are looked for. */
function decodeText(head: Buffer, reach = 1024): string {
  if (head[0] === 0xff && head[1] === 0xfe) return head.toString('utf16le', 2, reach);
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return head.toString('latin1', 3, reach);
  return head.toString('latin1', 0, reach);
}

/** True for what reads as text in ASCII and supersets of it, or UTF-16 with its mark: no control codes. */
export function looksLikeText(head: Buffer): boolean {
  const start = head.subarray(0, 1024);
  if (start.length === 0) return false;
  if (start[0] === 0xff && start[1] === 0xfe) return true;
  return start.every((byte) => byte >= 0x20 || (byte >= 0x08 && byte <= 0x0d) || byte === 0x1b);
}

function startsWith(head: Buffer, signature: Buffer): boolean {
  return (
    head.length >= signature.length && head.compare(signature, 0, signature.length, 0, signature.length) === 0
  );
}

function hex(digits: string): Buffer {
  return Buffer.from(digits, 'hex');
}
