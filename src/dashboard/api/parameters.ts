// Values of a query and of a body, read with a refusal that says what is expected.

import type { ApiReply } from '../reply.ts';
import { refused } from '../reply.ts';

/** A whole number from 1 to `most`. */
export function wholeNumber(
  query: URLSearchParams,
  name: string,
  otherwise: number,
  most: number,
): number | ApiReply {
  const text = query.get(name);
  if (text === null || text === '') return otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  return refused(400, `${name}: expected a whole number from 1 to ${most}`);
}

/** A text of a body; undefined where it may be missing and is. */
export function textOf(
  body: Readonly<Record<string, unknown>>,
  name: string,
  most: number,
): string | undefined | ApiReply {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length <= most) return value;
  return refused(400, `${name}: expected a text of at most ${most} characters`);
}
