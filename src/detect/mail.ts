// Mails and saved web pages (MHTML), one or an mbox of them: heads are read for what the body is, bodies
// are yielded decoded; multipart bodies are taken apart by the walk. RFC 5322, RFC 2045, RFC 4155.

import type { ByteSource } from './byte-source.ts';
import type { Ledger } from './ledger.ts';
import { MAX_ARCHIVE_BYTES } from './libarchive.ts';
import { memberPath, type Member } from './member.ts';
import { headerField, multipartBoundary } from './multipart.ts';
import { decodeTransfer } from './transfer-encoding.ts';

const MAX_HEAD = 256 * 1024; // bytes
const SLICE = 256 * 1024; // bytes
const MBOX_LINE = /^From [^\n]*\n/;

/** Yields the body of each mail. */
export async function* mailMembers(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  if (source.size > MAX_ARCHIVE_BYTES) {
    return ledger.note(
      'oversized',
      at,
      `larger than ${MAX_ARCHIVE_BYTES} bytes, which the mail reader holds`,
    );
  }
  const bytes = await source.read(0, source.size);
  let number = 0;
  for (const mail of mails(bytes)) {
    number += 1;
    const path = memberPath(at, number === 1 ? 'mail body' : `mail body ${number}`);
    if (!ledger.admitMember(path)) return;
    const { head, body, crlf } = split(mail);
    if (head === null) {
      ledger.note('malformed', path, 'mail has no end of its head');
      continue;
    }
    const contentType = headerField(head, 'content-type') ?? undefined;
    const boundary = multipartBoundary(contentType);
    if (boundary !== null) yield { path, boundary, chunks: crlf ? slices(body) : withReturns(body) };
    else yield { path, chunks: decodeTransfer(slices(body), headerField(head, 'content-transfer-encoding')) };
  }
}

/** The mails of an mbox, or the one there is. */
function* mails(bytes: Buffer): Generator<Buffer> {
  if (bytes.toString('latin1', 0, 5) !== 'From ') return yield bytes;
  for (let start = 0; start < bytes.length;) {
    const next = bytes.indexOf('\nFrom ', start);
    const end = next < 0 ? bytes.length : next + 1;
    const line = MBOX_LINE.exec(bytes.toString('latin1', start, Math.min(end, start + 1000)))?.[0] ?? '';
    yield bytes.subarray(start + line.length, end);
    start = end;
  }
}

function split(mail: Buffer): { head: string | null; body: Buffer; crlf: boolean } {
  const reach = mail.subarray(0, MAX_HEAD);
  const crlf = reach.indexOf('\r\n\r\n');
  const lf = reach.indexOf('\n\n');
  const strict = crlf >= 0 && (lf < 0 || crlf < lf);
  const end = strict ? crlf : lf;
  if (end < 0) return { head: null, body: mail, crlf: true };
  const head = mail.toString('latin1', 0, end).replace(/\r?\n/g, '\r\n');
  return { head, body: mail.subarray(end + (strict ? 4 : 2)), crlf: strict };
}

async function* slices(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += SLICE) yield bytes.subarray(at, at + SLICE);
}

/** Mails kept on Unix have lost the carriage returns that multipart delimiters begin with. */
async function* withReturns(bytes: Buffer): AsyncGenerator<Buffer> {
  for await (const slice of slices(bytes)) {
    yield Buffer.from(slice.toString('latin1').replace(/(?<!\r)\n/g, '\r\n'), 'latin1');
  }
}
