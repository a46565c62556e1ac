// What becomes of a tunnel whose first bytes are no TLS: HTTP that is inspected, something that passes unread,
// or the end. Only the first line is looked at.

import { HttpError, TlsError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';

/**
 * `http`: HTTP is inspected, anything else is closed. `tunnel`: HTTP is inspected, anything else passes unread.
 * `terminate`: all of it is closed.
 */
export type NonTls = 'http' | 'tunnel' | 'terminate';

const HTTP_START = /^[A-Z]{3,16} /;
const CUT_METHOD = /^[A-Z]{1,16}$/; // the rest may be in the next packet
const HTTP_START_BYTES = 24;
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ +\S+ +HTTP\/\d\.\d\s*$/;
const MAX_LINE = 8 * 1024; // bytes without an end of line: no request line that we would take

/**
 * Judges the first bytes of a tunnel.
 * @param isLast  no more will come in time
 * @returns null: more is needed; an error: it is closed
 */
export function judgeNonTls(
  policy: NonTls,
  seen: Buffer,
  isLast: boolean,
): 'http' | 'tunnel' | WeirError | null {
  if (policy === 'terminate') {
    return new HttpError('ERR_PROXY_DENIED', 'proxy.tls.nonTls: terminate: no TLS behind CONNECT');
  }
  if (policy === 'tunnel') return judgeLine(seen, isLast);
  const start = seen.toString('latin1', 0, HTTP_START_BYTES);
  if (HTTP_START.test(start)) return 'http';
  if (CUT_METHOD.test(start) && !isLast) return null;
  const what = 'neither TLS nor HTTP behind CONNECT: proxy.tls.nonTls: tunnel would let it pass';
  return new TlsError('ERR_TLS_CLIENT_HELLO', what);
}

/** Other protocols have lines that begin alike (`EHLO name`), so the whole request line counts. */
function judgeLine(seen: Buffer, isLast: boolean): 'http' | 'tunnel' | null {
  const text = seen.toString('latin1', 0, MAX_LINE).replace(/^[\r\n]+/, '');
  const end = text.indexOf('\n');
  if (end >= 0) return REQUEST_LINE.test(text.slice(0, end)) ? 'http' : 'tunnel';
  const mayBecomeOne =
    /^(?:[A-Za-z][!#$%&'*+.^_`|~0-9A-Za-z-]{0,31}(?: +[\x21-\x7e]*(?: +[\x20-\x7e]*)?)?)?\r?$/.test(text);
  return mayBecomeOne && !isLast && seen.length < MAX_LINE ? null : 'tunnel';
}
