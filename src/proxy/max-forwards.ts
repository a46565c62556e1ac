// How far a TRACE or an OPTIONS may go (RFC 9110 §7.6.2): the proxy that gets it with none left answers in
// the origin's place, every other takes one off. Requests of other methods may carry the field, and keep it.

import { Body } from '../http/body.ts';
import type { Answer } from '../http/server-exchange.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { RequestHead } from '../icap/codec/http-head.ts';
import type { Outgoing } from './outgoing-request.ts';

/** Not shown to whoever asks what a request looks like on its way (RFC 9110 §9.3.8). */
const SECRET = ['cookie', 'authorization', 'proxy-authorization'] as const;

/**
 * Takes one off the Max-Forwards of what goes on.
 * @param asked  the request as it came
 * @returns the answer to a request that may go no further; null: it goes on
 */
export function answerAsLastHop(outgoing: Outgoing, asked: RequestHead): Answer | null {
  const { method, headers } = outgoing.head;
  if (method !== 'OPTIONS' && method !== 'TRACE') return null;
  const fewer = [...headers];
  let isLast = false;
  for (let i = 0; i < fewer.length; i += 2) {
    if (fewer[i]!.toLowerCase() !== 'max-forwards' || !/^\d{1,9}$/.test(fewer[i + 1]!)) continue;
    const left = Number(fewer[i + 1]);
    isLast ||= left === 0;
    fewer[i + 1] = String(left - 1);
  }
  if (isLast) return method === 'TRACE' ? traceOf(asked) : emptyAnswer();
  outgoing.head.headers = fewer;
  return null;
}

function emptyAnswer(): Answer {
  return { status: 200, reason: 'OK', headers: ['Content-Length', '0'], body: null, contentLength: 0 };
}

/** The request itself as `message/http`. */
function traceOf({ method, target, version, headers }: RequestHead): Answer {
  const shown = SECRET.reduce((fields, name) => withoutField(fields, name), headers);
  let text = `${method} ${target} HTTP/${version}\r\n`;
  for (let i = 0; i < shown.length; i += 2) text += `${shown[i]}: ${shown[i + 1]}\r\n`;
  const bytes = Buffer.from(`${text}\r\n`, 'latin1');
  return {
    ...{ status: 200, reason: 'OK' },
    headers: ['Content-Type', 'message/http', 'Content-Length', String(bytes.length)],
    body: Body.of(bytes),
    contentLength: bytes.length,
  };
}
