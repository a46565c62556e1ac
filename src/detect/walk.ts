// Walks through a message body: undoes its content coding, then yields the body and everything packed in
// it, down to the budget's depth, each as a stream with its type. Scanners see contents only; formats,
// temporary files and limits stay here. Troubles are in the ledger when the walk is over.

import { memorySource, spool, type ByteSource } from './byte-source.ts';
import { ChunkReader, type Chunks } from './chunk-reader.ts';
import { decodeContent, parseCodings, type CodingOutcome } from './content-coding.ts';
import { MAX_TEXT_BYTES, noteLongText, textMembers } from './embedded-text.ts';
import { detectType, HEAD_BYTES, type FileType } from './file-type.ts';
import type { Ledger } from './ledger.ts';
import type { Member } from './member.ts';
import { multipartBoundary, multipartMembers } from './multipart.ts';
import { containerKind, unpack } from './unpack.ts';

const SPOOL_MEMORY = 4 * 2 ** 20; // bytes of a nested container held in memory; beyond, a temporary file

/** One content to inspect: the body, or a member at any depth. */
export interface Content {
  /** `''` for the body, else member names from the outside in, joined by `!/`. */
  readonly path: string;
  readonly type: FileType | null;
  /** Once, and before the next content is asked for; each chunk valid until the next one only. */
  readonly chunks: Chunks;
}

export interface WalkOptions {
  /** Content-Encoding of the body, if any. */
  readonly contentEncoding?: string | undefined;
  /** Content-Type of the body: multipart bodies are recognised by nothing else. */
  readonly contentType?: string | undefined;
}

/**
 * Yields the decoded body, then what is in it. A body whose coding cannot be undone is also yielded as it
 * stands: there are clients that would take it so.
 *
 * @param ledger collects spending and troubles
 * @throws {WeirError} `ERR_SPOOL` only
 */
export async function* walk(
  source: ByteSource,
  ledger: Ledger,
  options: WalkOptions = {},
): AsyncGenerator<Content> {
  const boundary = multipartBoundary(options.contentType);
  const codings = parseCodings(options.contentEncoding);
  if (codings.length === 0) return yield* walkSource('', source, boundary, ledger, 0);

  let outcome: CodingOutcome = { outcome: 'decoded' };
  const decoded = async function* (): AsyncGenerator<Buffer> {
    outcome = yield* decodeContent(source.chunks(), codings, ledger);
  };
  yield* walkStream({ path: '', chunks: decoded() }, boundary, ledger, 0);
  noteOutcome(outcome, ledger);
  if (outcome.outcome !== 'decoded') yield* walkSource('', source, boundary, ledger, 0);
}

function noteOutcome(result: CodingOutcome, ledger: Ledger): void {
  if (result.outcome === 'unknown-coding')
    ledger.note('coding', '', `content coding ${result.coding} is unknown`);
  if (result.outcome !== 'malformed') return;
  // Cut off is an accident that was scanned to its end; broken within is where content could hide.
  if (result.truncated) ledger.note('malformed', '', `content coding ${result.coding} is truncated`);
  else ledger.note('coding', '', `content coding ${result.coding} is malformed`);
}

/** A content that can be read once: containers among them are set aside first. */
async function* walkStream(
  member: Member,
  boundary: string | null,
  ledger: Ledger,
  depth: number,
): AsyncGenerator<Content> {
  const input = new ChunkReader(member.chunks);
  try {
    const head = await input.peek(HEAD_BYTES);
    const type = detectType(head);
    const kind = containerKind(type, head);
    if (boundary === null && (kind === 'none' || kind === 'closed')) {
      if (kind === 'closed') noteClosed(type!, member.path, ledger);
      yield { path: member.path, type, chunks: input.rest() };
      return;
    }
    if (boundary === null && kind === 'text') return yield* walkText(member.path, type, input, ledger, depth);
    const source = await spool(input.rest(), SPOOL_MEMORY);
    try {
      yield* walkSource(member.path, source, boundary, ledger, depth);
    } finally {
      await source.close();
    }
  } finally {
    await input.cancel();
  }
}

/** Text is held in memory to be searched; beyond what is searched it streams by. */
async function* walkText(
  path: string,
  type: FileType | null,
  input: ChunkReader,
  ledger: Ledger,
  depth: number,
): AsyncGenerator<Content> {
  const held = await input.read(MAX_TEXT_BYTES + 1);
  if (held.length <= MAX_TEXT_BYTES) return yield* walkSource(path, memorySource(held), null, ledger, depth);
  input.unread(held);
  yield { path, type, chunks: input.rest() };
  noteLongText(type, ledger, path);
}

async function* walkSource(
  path: string,
  source: ByteSource,
  boundary: string | null,
  ledger: Ledger,
  depth: number,
): AsyncGenerator<Content> {
  const head = await source.read(0, Math.min(HEAD_BYTES, source.size));
  const type = detectType(head);
  yield { path, type, chunks: source.chunks(0, source.size, true) };

  const kind = containerKind(type, head);
  if (boundary === null && kind === 'closed') noteClosed(type!, path, ledger);
  if ((boundary === null && (kind === 'none' || kind === 'closed')) || ledger.exhausted) return;
  const members =
    boundary !== null
      ? multipartMembers(new ChunkReader(source.chunks()), boundary, ledger, path)
      : kind === 'text'
        ? textMembers(source, type, ledger, path)
        : unpack(source, type!.name, ledger, path);
  if (depth >= ledger.budget.maxDepth) {
    // Text contains something only if something is found in it.
    if (boundary === null && kind === 'text' && (await members.next()).done) return;
    return ledger.note('budget', path, `packed more than ${ledger.budget.maxDepth} levels deep (maxDepth)`);
  }
  for await (const member of members) {
    yield* walkStream(member, member.boundary ?? null, ledger, depth + 1);
    if (ledger.exhausted) return;
  }
}

function noteClosed(type: FileType, path: string, ledger: Ledger): void {
  ledger.note('unsupported', path, `${type.name} archives are not opened`);
}
