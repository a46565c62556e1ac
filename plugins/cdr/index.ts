// Content disarm for Office documents: macros, ActiveX, embedded objects, links to outside and fields that
// run programs are taken out, and the document goes on without them. An example of a blade that modifies:
// nobody has to decide whether a macro is evil. What cannot be cleaned is blocked or passed by policy.

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
import { decodeContent, DEFAULT_BUDGET, Ledger, multipartBoundary, parseCodings } from 'weir/detect';
import { mayHold, type Finding, type FindingKind } from './clean-content.ts';
import { Cleaner } from './cleaner.ts';
import { optionsSchema, type CdrOptions } from './options.ts';

const MIB = 2 ** 20;
const LONGEST_START = 8; // bytes by which a file is known
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
  const boundary = formBoundary(message.header('content-type'));
  const read = await readBody(body, message.header('content-encoding'), boundary !== null, options.maxBytes);
  if (read === 'none') return allow();
  if (read === 'oversized')
    return refuse(options.oversized, 'Oversized-Document', 'size', 'it is too large to be cleaned');
  const { content, removed, findings } = await cleaner.clean(read, boundary, signal);
  for (const finding of findings) {
    const verdict = judge(finding, options);
    if (verdict.kind === 'block') return verdict;
  }
  if (content === null) return findings.length === 0 ? allow() : judge(findings[0]!, options);
  log.info(
    { removed: removed.map(printable), url: message.url },
    `took ${removed.length} active contents out of a document`,
  );
  const headers = head.headers.filter((_, i) => !STALE.has(head.headers[i - (i % 2)]!.toLowerCase()));
  return modify({ headers, body: content });
}

/** What a finding is called where it blocks, and in the log where it passes. */
const NAMES: Readonly<Record<FindingKind, readonly [threat: string, notScanned: string]>> = {
  signed: ['Signed-Document', 'signed'],
  encrypted: ['Encrypted-Document', 'encrypted'],
  legacy: ['Legacy-Document', 'unsupported'],
  unreadable: ['Unreadable-Document', 'malformed'],
  closed: ['Closed-Archive', 'archive'],
};

function judge({ kind, where, why }: Finding, options: CdrOptions): Verdict {
  const [threat, notScanned] = NAMES[kind];
  return refuse(options[kind], threat, notScanned, printable(where === '' ? why : `${where}: ${why}`));
}

function refuse(policy: string, threat: string, notScanned: string, reason: string): Verdict {
  return policy === 'block' ? block({ threat, severity: 'medium', reason }) : allow(notScanned);
}

/** Null where the body is no upload by form; '' where it says that it is one and names no boundary. */
function formBoundary(contentType: string | undefined): string | null {
  return /^\s*multipart\/form-data\b/i.test(contentType ?? '') ? multipartBoundary(contentType) : null;
}

/**
 * The body, decoded, where it is a form or begins as documents and archives do. A coding that does not decode:
 * no program opens it.
 */
async function readBody(
  body: BladeBody,
  coding: string | undefined,
  isForm: boolean,
  limit: number,
): Promise<Buffer | 'none' | 'oversized'> {
  const codings = parseCodings(coding);
  if (codings.length === 0 && body.memory !== null) {
    if (!isForm && !mayHold(body.memory)) return 'none';
    return body.memory.length > limit ? 'oversized' : body.memory;
  }
  const ledger = new Ledger({ ...DEFAULT_BUDGET, maxMemberBytes: limit + MIB, maxTotalBytes: limit + MIB });
  const kept: Buffer[] = [];
  let size = 0;
  let checked = isForm;
  for await (const chunk of decodeContent(body.stream(), codings, ledger)) {
    kept.push(Buffer.from(chunk)); // valid until the next one only
    size += chunk.length;
    if (!checked && size >= LONGEST_START) {
      checked = true;
      if (!mayHold(Buffer.concat(kept))) return 'none';
    }
    if (size > limit) return 'oversized';
  }
  return checked ? Buffer.concat(kept) : 'none';
}

function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 200);
}
