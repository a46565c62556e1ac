// An encapsulated HTTP header as checks look at it: start line, fields, status. Reads leniently; what
// cannot be read is left out.

import type { RawHeaders } from '../codec/fields.ts';

export interface HttpView {
  readonly startLine: string;
  readonly headers: RawHeaders;
  /** Of a response, else null. */
  readonly status: number | null;
}

export function viewHttp(section: Buffer | string): HttpView {
  const text = typeof section === 'string' ? section : section.toString('latin1');
  const [startLine = '', ...lines] = text.split(/\r?\n/);
  const headers: RawHeaders = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.push(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const status = /^HTTP\/\d\.\d (\d{3})/.exec(startLine)?.[1];
  return { startLine, headers, status: status === undefined ? null : Number(status) };
}
