// Decides which analyser a content gets: by its bytes first, then by its name, and by the declared type
// where bytes and name say nothing. And what a name alone gives away.

import type { FileType } from 'weir/detect';
import { isShortcut } from './documents/shortcut.ts';
import type { BehaviourNode, Recorder } from './report.ts';

export type ContentKind =
  | 'html'
  | 'application'
  | 'javascript'
  | 'basic'
  | 'shell'
  | 'job'
  | 'office'
  | 'rtf'
  | 'table'
  | 'pdf'
  | 'shortcut'
  | 'internet-shortcut'
  | 'program'
  | 'none';

const BY_ENDING: Readonly<Record<string, ContentKind>> = {
  htm: 'html',
  html: 'html',
  shtml: 'html',
  xhtml: 'html',
  svg: 'html',
  mht: 'html',
  hta: 'application',
  js: 'javascript',
  jse: 'javascript',
  mjs: 'javascript',
  vbs: 'basic',
  vbe: 'basic',
  bas: 'basic',
  ps1: 'shell',
  psm1: 'shell',
  bat: 'shell',
  cmd: 'shell',
  sh: 'shell',
  wsf: 'job',
  wsc: 'job',
  sct: 'job',
  csv: 'table',
  slk: 'table',
  iqy: 'table',
  url: 'internet-shortcut',
};

/**
 * Whether a content within a document is judged with it. Not so: a document in a PDF, and what an installer
 * package brings, which is its scripts and the files of its cabinets.
 */
export function isPartOf(isInPdf: boolean, kind: ContentKind, path: string): boolean {
  if (isInPdf && kind === 'office') return false;
  return !/(?:^|!\/)(?:CustomAction|Binary)\.[^/]+\.(?:js|vbs)$|\.cab!\//i.test(path);
}

/** @param declared media type of the Content-Type field, lower case, or `''` */
export function contentKind(
  type: FileType | null,
  head: Buffer,
  name: string,
  declared: string,
): ContentKind {
  if (isShortcut(head)) return 'shortcut';
  const ending = endingOf(name);
  switch (type?.name) {
    case 'pe':
      return 'program';
    case 'pdf':
      return 'pdf';
    case 'rtf':
      return 'rtf';
    case 'ole':
    case 'ooxml':
      return 'office';
    case 'html':
    case 'xml':
    case 'script':
    case undefined:
      return textKind(type, head, ending, declared);
    default:
      return 'none';
  }
}

function textKind(type: FileType | null, head: Buffer, ending: string, declared: string): ContentKind {
  const start = textOf(head.subarray(0, 8192)).trimStart();
  if (/^\[InternetShortcut\]/i.test(start)) return 'internet-shortcut';
  if (/<hta:application|<script[^>]+language\s*=\s*["']?vbscript/i.test(start) && ending !== 'wsf')
    return 'application';
  const named = BY_ENDING[ending];
  if (named !== undefined) return named;
  if (type?.name === 'html') return 'html';
  if (type?.name === 'xml')
    return /<svg[\s>]|<html[\s>]/i.test(start)
      ? 'html'
      : /<(?:job|package|component|scriptlet|ms:script|msxsl:script)[\s>]/i.test(start)
        ? 'job'
        : 'none';
  if (/<svg[\s>]/i.test(start.slice(0, 1000))) return 'html';
  if (/^(?:<job|<package|<\?component|<scriptlet)\b/i.test(start)) return 'job';
  if (/html|svg/.test(declared)) return 'html';
  if (/javascript|ecmascript|jscript/.test(declared)) return 'javascript';
  if (/csv/.test(declared)) return 'table';
  if (/json|css|font|image|wasm|php/.test(declared) || /^<\?php|^<%/.test(start)) return 'none';
  if (
    /^(?:option explicit|on error resume next|dim\s+\w|(?:private|public)?\s*(?:sub|function)\s+\w+\s*\([^)]*\)\s*(?:\r?\n|:)|set\s+\w+\s*=\s*(?:createobject|getobject|wscript))/i.test(
      start,
    )
  )
    return 'basic';
  if (/^(?:@echo\b|#!\s*\/\S*(?:sh|bash)\b|powershell(?:\.exe)?\s|cmd(?:\.exe)?\s)/i.test(start))
    return 'shell';
  if (
    (
      start.match(
        /\b(?:new-object|invoke-[a-z]+|set-[a-z]+|get-[a-z]+|start-process|write-host|iex)\b|\$[a-z_]\w*\s*=/gi,
      ) ?? []
    ).length >= 2 &&
    !/\bvar\s|function\s*\(|=>/.test(start)
  )
    return 'shell';
  if (
    type?.name === 'script' ||
    /\bnew\s+ActiveXObject\b|\bWScript\s*\.|\bfunction\s*\w*\s*\(|=>\s*[{(]/.test(start)
  )
    return 'javascript';
  return 'none';
}

/** Text in UTF-8, or UTF-16 by its mark; bytes that are neither as Latin-1. */
export function textOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le', 2);
  if (bytes[0] === 0xfe && bytes[1] === 0xff)
    return Buffer.from(bytes.subarray(2, bytes.length & ~1))
      .swap16()
      .toString('utf16le');
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? bytes.toString('latin1') : text.replace(/^\ufeff/, '');
}

export function endingOf(name: string): string {
  return /\.([a-z0-9-]{1,20})\s*$/i.exec(name)?.[1]?.toLowerCase() ?? '';
}

const PROGRAMS = 'exe|scr|com|pif|cpl|js|jse|vbs|vbe|wsf|hta|bat|cmd|ps1|lnk|msi|jar|dll';
const PROGRAM_NAME = new RegExp(
  `\\.(?:${PROGRAMS}|iso|img|vhd|url|settingcontent-ms|chm|xll|appx|msix)\\s*$`,
  'i',
);
const TWO_ENDINGS = new RegExp(
  `\\.(?:pdf|docx?|xlsx?|pptx?|jpe?g|png|txt|rtf|csv|mp[34])[\\s_.-]*\\.(?:${PROGRAMS})\\s*$`,
  'i',
);

/** Whether a file of that name is run when it is opened. */
export function isProgramName(name: string): boolean {
  return PROGRAM_NAME.test(name);
}

/** Scores names that pretend to be documents. */
export function judgeName(recorder: Recorder, at: BehaviourNode, name: string): void {
  if (TWO_ENDINGS.test(name))
    recorder.score(at, 'two-endings', 60, `pretends by its name to be a document: ${name}`);
  if (/[\u202e\u202d\u2067]/.test(name))
    recorder.score(at, 'reversed-name', 80, `turns its name around: ${name}`);
  if (new RegExp(`\\s{10,}\\.(?:${PROGRAMS})\\s*$`, 'i').test(name))
    recorder.score(at, 'padded-name', 70, `hides the end of its name: ${name}`);
}

/** All bytes of a content whose first chunk is `head`, or null where there are more than `limit`. */
export async function readRest(
  head: Buffer,
  iterator: AsyncIterator<Buffer>,
  limit: number,
): Promise<Buffer | null> {
  const parts = [head];
  let size = head.length;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    size += next.value.length;
    if (size > limit) return null;
    parts.push(Buffer.from(next.value));
  }
  return parts.length === 1 ? head : Buffer.concat(parts);
}
