// Whether a message is a stream: a body of which nobody waits for the end. Known by its type where no length
// is announced, by the fields of Internet radio, or, once it is being held, by how little comes of it. What
// is done with streams is stream-adaptation.ts.

import { detectType, HEAD_BYTES } from '../../detect/file-type.ts';
import type { FileTypeName } from '../../detect/file-type.ts';
import type { Body } from '../../http/body.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RawHeaders, ResponseHead } from '../../icap/codec/http-head.ts';
import { mediaTypeOf } from '../adaptation/rules.ts';

/** By what it was known: its media type, icy-* fields, or that little came for a long time. */
export type StreamShape = 'type' | 'radio' | 'quiet';

export interface StreamSettings {
  /** Media types in lower case, the second half may be `*`. */
  readonly types: readonly string[];
  readonly policy: 'window' | 'bypass' | 'block';
  readonly windowBytes: number;
  /** Bytes of the window before that are scanned again with each. */
  readonly overlapBytes: number;
  /** Longest time that bytes wait for more of their window. */
  readonly everyMs: number;
  /** Age at which a response that little came of counts as a stream. Null: never. */
  readonly quietAfterMs: number | null;
  readonly quietBytes: number;
}

/** A type that asks for the whole of the body is never left to windows: an archive cannot be read in pieces. */
const HARMLESS_IN_PIECES: ReadonlySet<FileTypeName> = new Set([
  ...(['png', 'jpeg', 'gif', 'html', 'xml', 'script'] as const),
]);
const QUIET_TYPE =
  /^(?:text\/|application\/(?:json|xml|javascript|ecmascript|x-ndjson)$|application\/.*\+(?:json|xml)$)/;

/** Whether these first bytes, up to `HEAD_BYTES`, are of a file that has to be seen whole. */
export function isOfFile(head: Buffer): boolean {
  const type = detectType(head);
  return type !== null && !HARMLESS_IN_PIECES.has(type.name);
}

/** A copy of the first bytes that wait in a body which nobody consumes yet. */
export function firstBytes(body: Body): Buffer {
  const chunks = body.take(HEAD_BYTES);
  body.unshift(chunks);
  return Buffer.concat(chunks);
}

/** How a response without length is known to be a stream from its head; null where it is none. */
export function responseShape(
  { types }: StreamSettings,
  { status, headers }: ResponseHead,
): Exclude<StreamShape, 'quiet'> | null {
  if (status !== 200) return null;
  if (hasRadioFields(headers)) return 'radio';
  return matches(types, typeOf(headers)) ? 'type' : null;
}

/** Requests are streams only in gRPC; all other clients end theirs. */
export function requestShape({ types }: StreamSettings, headers: RawHeaders): 'type' | null {
  const type = typeOf(headers);
  return type.startsWith('application/grpc') && matches(types, type) ? 'type' : null;
}

/** Whether a response may turn out to be a stream by how little comes of it: text that is shown, not saved. */
export function mayBeQuiet({ status, headers }: ResponseHead): boolean {
  if (status !== 200 || !QUIET_TYPE.test(typeOf(headers))) return false;
  return !/^\s*attachment/i.test(fieldValue(headers, 'content-disposition') ?? '');
}

function hasRadioFields(headers: RawHeaders): boolean {
  for (let i = 0; i < headers.length; i += 2) if (/^icy-/i.test(headers[i]!)) return true;
  return false;
}

function typeOf(headers: RawHeaders): string {
  return mediaTypeOf({ request: NO_REQUEST, response: { version: '1.1', status: 200, reason: '', headers } });
}

const NO_REQUEST = { method: '', target: '', version: '1.1', headers: [] };

function matches(types: readonly string[], type: string): boolean {
  return types.some((pattern) =>
    pattern.endsWith('/*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern,
  );
}
