// The body of a request to the API: JSON, an object, of bounded length.

import type { IncomingMessage } from 'node:http';
import type { ApiReply } from './reply.ts';
import { refused } from './reply.ts';

/** A configuration file of 256 KiB, with every character escaped. */
const MAX_BODY = 2 * 1024 * 1024; // bytes

/** Reads it. @returns `{}` where there is none; a refusal for what is too long or no object */
export async function readBody(
  request: IncomingMessage,
): Promise<{ readonly value: Readonly<Record<string, unknown>> } | { readonly refusal: ApiReply }> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_BODY) return { refusal: refused(413, `more than ${MAX_BODY} bytes`) };
    pieces.push(piece);
  }
  if (length === 0) return { value: {} };
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { value: value as Record<string, unknown> };
    }
  } catch {
    // as for what is no object
  }
  return { refusal: refused(400, 'expected an object as JSON') };
}
