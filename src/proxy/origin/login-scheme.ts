// NTLM and Negotiate log a connection in, not a request (RFC 4559 §5): whatever comes next on it acts in
// that user's name. From then on such a connection is for the client connection alone that the login came by,
// as Squid and g3 pin them; where there is none (HTTP/2) it serves one exchange.

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
