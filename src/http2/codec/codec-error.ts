// Breaches of HTTP/2 that end a connection, with the code that its GOAWAY carries. RFC 9113 §5.4.1, §7.

import { HttpError } from '../../errors.ts';
import { streamErrorName } from '../error-codes.ts';

export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const FLOW_CONTROL_ERROR = 3;
export const STREAM_CLOSED = 5;
export const FRAME_SIZE_ERROR = 6;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const COMPRESSION_ERROR = 9;
export const ENHANCE_YOUR_CALM = 11;
export const HTTP_1_1_REQUIRED = 13;

/** The connection cannot go on. */
export class Http2CodecError extends HttpError {
  /** For GOAWAY. */
  readonly http2Code: number;

  /** @param what  for the log; the name of the code is added */
  constructor(http2Code: number, what: string) {
    const code = http2Code === ENHANCE_YOUR_CALM ? 'ERR_HTTP2_FLOOD' : 'ERR_HTTP2_PROTOCOL';
    super(code, `${what} (${streamErrorName(http2Code)})`, { http2: streamErrorName(http2Code) });
    this.http2Code = http2Code;
  }
}
