// Content disarm for Office documents: macros, ActiveX, embedded objects, links to outside and fields that
// run programs are taken out, and the document goes on without them. An example of a blade that modifies:
// nobody has to decide whether a macro is evil. What cannot be cleaned is blocked or passed by policy.

import { setImmediate } from 'node:timers/promises';
import {
  allow,
  block,
  definePlugin,
  modify,
  type BladeBody,
  type BladeMessage,
  type PluginLogger,
  type Verdict,
} from 'weir';
import { decodeContent, DEFAULT_BUDGET, Ledger, parseCodings } from 'weir/detect';
import { Cleaner } from './cleaner.ts';
import { optionsSchema, type CdrOptions } from './options.ts';

const MIB = 2 ** 20;
const SEARCH_PIECE = MIB;
const ZIP = Buffer.from('PK\x03\x04', 'latin1');
const OLE = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const wide = (text: string): Buffer => Buffer.from(text, 'utf16le');
const ENCRYPTED_PACKAGE = wide('EncryptedPackage');
const LEGACY = [wide('WordDocument'), wide('Workbook'), wide('PowerPoint Document')];
/** Fields that are wrong once the body is another one. */
const STALE = new Set([
  'content-encoding',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'accept-ranges',
  'etag',
]);

export default definePlugin<CdrOptions>({
  name: 'cdr',
  version: '0.1.0',
  options: optionsSchema,
  setup({ options, log, blade }) {
    const cleaner = new Cleaner({
      remove: options.remove,
      stripSignature: options.signed === 'strip',
      maxPartBytes: 64 * MIB,
      maxTotalBytes: 512 * MIB,
    });
    blade({
      name: 'cdr',
      inspect: (message, signal) => disarm(message, cleaner, options, log, signal),
      close: () => cleaner.close(),
    });
  },
});

async function disarm(
  message: BladeMessage,
  cleaner: Cleaner,
  options: CdrOptions,
  log: PluginLogger,
  signal: AbortSignal,
): Promise<Verdict> {
  const head = message.direction === 'request' ? message.request : message.response;
  const { body } = message;
  if (!options.directions.includes(message.direction) || head === null || body === null || body.size === 0)
    return allow();
  if (message.response?.status === 206) return allow(); // a part of a document is none
  const read = await readDocument(body, message.header('content-encoding'), options.maxBytes);
  if (read === 'none') return allow();
  if (read === 'oversized')
    return refuse(options.oversized, 'Oversized-Document', 'size', 'it is too large to be cleaned');
  if (read.subarray(0, OLE.length).equals(OLE)) return judgeOle(read, options);

  const result = await cleaner.clean(read, signal);
  switch (result.outcome) {
    case 'none':
    case 'clean':
      return allow();
    case 'signed':
      return refuse(options.signed, 'Signed-Document', 'signed', 'it has active content, and is signed');
    case 'unreadable':
      return refuse(
        options.unreadable,
        'Unreadable-Document',
        'malformed',
        `it cannot be taken apart: ${printable(result.why)}`,
      );
    case 'cleaned': {
      const removed = result.removed.map(printable);
      log.info({ removed, url: message.url }, `took ${removed.length} active contents out of a document`);
      const headers = head.headers.filter((_, i) => !STALE.has(head.headers[i - (i % 2)]!.toLowerCase()));
      return modify({ headers, body: result.document });
    }
  }
}

async function judgeOle(bytes: Buffer, options: CdrOptions): Promise<Verdict> {
  if (await includesAny(bytes, [ENCRYPTED_PACKAGE])) {
    return refuse(options.encrypted, 'Encrypted-Document', 'encrypted', 'it needs a password');
  }
  if (!(await includesAny(bytes, LEGACY))) return allow();
  return refuse(options.legacy, 'Legacy-Document', 'unsupported', 'it is of a format that is not cleaned');
}

/** Searched in pieces, so that others have their turn. */
async function includesAny(bytes: Buffer, needles: readonly Buffer[]): Promise<boolean> {
  const longest = Math.max(...needles.map(({ length }) => length));
  for (let at = 0; at < bytes.length; at += SEARCH_PIECE) {
    const piece = bytes.subarray(at, at + SEARCH_PIECE + longest);
    if (needles.some((needle) => piece.includes(needle))) return true;
    await setImmediate();
  }
  return false;
}

function refuse(policy: string, threat: string, notScanned: string, reason: string): Verdict {
  return policy === 'block' ? block({ threat, severity: 'medium', reason }) : allow(notScanned);
}

/** The body, decoded, where it begins as documents do. A coding that does not decode: no program opens it. */
async function readDocument(
  body: BladeBody,
  coding: string | undefined,
  limit: number,
): Promise<Buffer | 'none' | 'oversized'> {
  const codings = parseCodings(coding);
  if (codings.length === 0 && body.memory !== null) {
    if (!begins(body.memory)) return 'none';
    return body.memory.length > limit ? 'oversized' : body.memory;
  }
  const ledger = new Ledger({ ...DEFAULT_BUDGET, maxMemberBytes: limit + MIB, maxTotalBytes: limit + MIB });
  const kept: Buffer[] = [];
  let size = 0;
  let checked = false;
  for await (const chunk of decodeContent(body.stream(), codings, ledger)) {
    kept.push(Buffer.from(chunk)); // valid until the next one only
    size += chunk.length;
    if (!checked && size >= OLE.length) {
      checked = true;
      if (!begins(Buffer.concat(kept))) return 'none';
    }
    if (size > limit) return 'oversized';
  }
  return checked ? Buffer.concat(kept) : 'none';
}

function begins(bytes: Buffer): boolean {
  return bytes.subarray(0, ZIP.length).equals(ZIP) || bytes.subarray(0, OLE.length).equals(OLE);
}

function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 200);
}
