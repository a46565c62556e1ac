// Names of HTTP/2 error codes, for messages. RFC 9113 §7.

const NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** Name of a code, or the code itself where RFC 9113 has none. */
export function streamErrorName(code: number | undefined): string {
  return code === undefined ? 'no code' : (NAMES[code] ?? `code ${code}`);
}
