// What may be wrong with HTTP messages of clients and origins: HTTP/1, HTTP/2, WebSocket.
// src/errors.ts joins the groups into one table; docs/errors.md lists the codes.

import type { ErrorSpec } from './spec.ts';
import { spec } from './spec.ts';

export const HTTP_ERRORS = {
  // HTTP messages from clients (4xx) and origins (502).
  ERR_HTTP_REQUEST_LINE: spec(400, 400, false, 'Send `METHOD target HTTP/1.1`.'),
  ERR_HTTP_FIELD: spec(400, 400, false, 'Send header fields as `Name: value` with CR LF line ends.'),
  ERR_HTTP_HEAD_TOO_LARGE: spec(400, 431, false, 'Send fewer or shorter header fields.'),
  ERR_HTTP_TARGET_TOO_LONG: spec(400, 414, false, 'Use a shorter URL.'),
  ERR_HTTP_FRAMING: spec(400, 400, false, 'Send either one Content-Length or `Transfer-Encoding: chunked`.'),
  ERR_HTTP_CODING: spec(400, 501, false, 'Use no transfer coding other than chunked.'),
  ERR_HTTP_CHUNK: spec(400, 400, false, 'Send well-formed chunks.'),
  ERR_HTTP_HOST: spec(400, 400, false, 'Send exactly one valid Host field.'),
  ERR_HTTP_TARGET: spec(400, 400, true, 'Send an absolute http:// URL to a proxy, or CONNECT host:port.'),
  ERR_HTTP_VERSION: spec(400, 505, false, 'Use HTTP/1.0 or HTTP/1.1.'),
  ERR_HTTP_EXPECTATION: spec(400, 417, true, 'Use no expectation other than 100-continue.'),
  ERR_HTTP_TIMEOUT: spec(400, 408, false, 'Send the request without pauses.'),
  ERR_HTTP_ABORTED: spec(
    400,
    400,
    false,
    'The sender closed the connection before the message was complete.',
  ),
  ERR_HTTP2_FLOOD: spec(
    400,
    400,
    false,
    'Reset, ping and change settings less often; see http2.md for what a connection may do.',
  ),
  ERR_WEBSOCKET_FRAME: spec(400, 400, false, 'Send WebSocket frames as RFC 6455 and RFC 7692 have them.'),
  ERR_HTTP2_LOGIN: spec(400, 505, false, 'Use HTTP/1.1 for this host; browsers do so of themselves now.'),
  ERR_HTTP2_PROTOCOL: spec(400, 400, false, 'Send HTTP/2 frames as RFC 9113 has them, within its limits.'),
} satisfies Record<string, ErrorSpec>;
