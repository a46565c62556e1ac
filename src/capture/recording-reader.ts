// Reads a file of `weir record`: one transaction after the other, bodies straight from the file when they are
// wanted. What is not a recording, or breaks off, is said with its place.

import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { HttpError, messageOf } from '../errors.ts';
import { Body } from '../http/body.ts';
import { readFilePart } from '../http/spool.ts';
import type { RecordedBody, RecordedTransaction, RecordingHeader } from './recording.ts';
import { RECORDING_VERSION } from './recording.ts';

/** A transaction with ways to its bodies, which can be read while the file is there. */
export interface ReadTransaction extends RecordedTransaction {
  /** A new body each time; null where there was none. */
  requestBody(): Body | null;
  responseBody(): Body | null;
}

const MAX_LINE = 4 * 1024 * 1024; // bytes
const PIECE = 64 * 1024;
const LF = 10;

/**
 * All transactions of a file, in order.
 * @throws {HttpError} `ERR_RECORDING`: the file cannot be read, is no recording, is of a later version, or a
 *         transaction is broken; those before it were yielded
 */
export async function* readRecording(path: string): AsyncGenerator<ReadTransaction, RecordingHeader> {
  const file = await opened(path);
  try {
    const { size } = await file.stat();
    let at = 0;
    const first = await readLine(file, 0, size);
    const header = first === null ? null : (parsed(first.text) as RecordingHeader | null);
    if (header?.format !== 'weir-recording') throw refused(path, 'is no recording of weir record');
    if (!(header.version <= RECORDING_VERSION))
      throw refused(path, `has version ${header.version}; this program reads up to ${RECORDING_VERSION}`);
    at = first!.next;
    for (let number = 1; at < size; number++) {
      const line = await readLine(file, at, size);
      const transaction = line === null ? null : (parsed(line.text) as RecordedTransaction | null);
      if (line === null || transaction === null || !isTransaction(transaction))
        throw refused(path, `breaks off or is damaged at byte ${at}, in transaction ${number}`);
      const requestAt = line.next;
      const responseAt = requestAt + lengthOf(transaction.request.body);
      const end = responseAt + lengthOf(transaction.response?.body ?? null);
      if (end >= size) throw refused(path, `breaks off in transaction ${number}`);
      yield {
        ...transaction,
        requestBody: () => bodyAt(path, transaction.request.body, requestAt),
        responseBody: () => bodyAt(path, transaction.response?.body ?? null, responseAt),
      };
      at = end + 1; // the line feed
    }
    return header;
  } finally {
    await file.close();
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw new HttpError('ERR_RECORDING', `cannot read ${path}: ${messageOf(error)}`, { path }, error);
  }
}

function bodyAt(path: string, body: RecordedBody | null, at: number): Body | null {
  if (body === null) return null;
  return body.bytes === 0 ? Body.of() : readFilePart(path, at, at + body.bytes, () => {});
}

const lengthOf = (body: RecordedBody | null): number => body?.bytes ?? 0;

async function readLine(
  file: FileHandle,
  from: number,
  size: number,
): Promise<{ text: string; next: number } | null> {
  const pieces: Buffer[] = [];
  for (let at = from; at < size && at - from < MAX_LINE;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, at);
    if (bytesRead === 0) return null;
    const piece = buffer.subarray(0, bytesRead);
    const end = piece.indexOf(LF);
    pieces.push(end < 0 ? piece : piece.subarray(0, end));
    if (end >= 0) return { text: Buffer.concat(pieces).toString(), next: at + end + 1 };
    at += bytesRead;
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whether what replaying relies on is there, in its shape: files come from anywhere. */
function isTransaction(value: RecordedTransaction): boolean {
  const { request, response } = value;
  if (typeof request !== 'object' || request === null) return false;
  if (typeof request.method !== 'string' || typeof request.url !== 'string') return false;
  if (!areFields(request.headers) || !isBody(request.body)) return false;
  if (response === null) return true;
  if (typeof response !== 'object') return false;
  return typeof response.status === 'number' && areFields(response.headers) && isBody(response.body);
}

function areFields(headers: unknown): boolean {
  return (
    Array.isArray(headers) && headers.length % 2 === 0 && headers.every((part) => typeof part === 'string')
  );
}

function isBody(body: unknown): boolean {
  if (body === null) return true;
  const bytes = (body as RecordedBody | undefined)?.bytes;
  return Number.isSafeInteger(bytes) && bytes! >= 0;
}

function refused(path: string, what: string): HttpError {
  return new HttpError('ERR_RECORDING', `${path} ${what}`, { path });
}
