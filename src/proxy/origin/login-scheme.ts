// NTLM and Negotiate log a connection in, not a request (RFC 4559 §5): whatever comes next on it acts in
// that user's name. Such a connection serves one exchange and is never given to anybody else.

import { fieldValues } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';

const SCHEME = /(?:^|,)\s*(?:NTLM|Negotiate)\b/i;

/** True when this exchange may have logged its connection in. */
export function bindsConnection(
  requestHeaders: RawHeaders,
  status: number,
  responseHeaders: RawHeaders,
): boolean {
  if (names(requestHeaders, 'authorization')) return true;
  return status === 401 && names(responseHeaders, 'www-authenticate');
}

function names(headers: RawHeaders, field: string): boolean {
  return fieldValues(headers, field).some((value) => SCHEME.test(value));
}
