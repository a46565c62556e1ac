// What the outcome of an exchange means in one line: passed, modified, blocked or failed, and by what.
// The signs of a block are those that the proxy reads, K-62; here they are also named.

import { fieldValue, type RawHeaders } from '../../icap/codec/fields.ts';
import type { ProbeMessage, ProbeOutcome } from '../../icap/probe/exchange.ts';
import {
  compareHeaders,
  headerFields,
  type HeaderLine,
  headerLines,
  onlyViaDiffers,
} from '../../icap/probe/http-header.ts';
import { judge } from '../../proxy/adaptation/verdict.ts';
import { visible } from './text.ts';

export type VerdictKind = 'pass' | 'modify' | 'block' | 'fail';

export interface Verdict {
  readonly kind: VerdictKind;
  /** The first line of the report. */
  readonly text: string;
  readonly threat: string | null;
  /** Lines of the HTTP header that came back against that which was sent; null where none came back. */
  readonly header: readonly HeaderLine[] | null;
  /** Whether the adapted body is other than the original; null where there is none to compare. */
  readonly bodyChanged: boolean | null;
}

const SIGNS = [
  ...['X-Infection-Found', 'X-Virus-ID', 'X-Virus-Name', 'X-Violations-Found', 'X-Blocked-Reason'],
  ...['X-Block-Reason', 'X-Blocked', 'X-Response-Info'],
];

/** @param bodyChanged  the adapted body differs from the original */
export function verdictOf(outcome: ProbeOutcome, message: ProbeMessage, bodyChanged: boolean): Verdict {
  const { answer, fault } = outcome;
  const { status, httpHeader } = answer;
  const none = { threat: null, header: null, bodyChanged: null };
  if (fault !== null) return { ...none, kind: 'fail', text: `FAILED: ${visible(fault)}` };
  if (outcome.assembled === 'original' || httpHeader === null) {
    return { ...none, kind: 'pass', text: `${status} not modified: the server lets it pass` };
  }
  const isResponse = httpHeader.kind === 'res-hdr';
  const sent = isResponse ? message.responseHeader : message.requestHeader;
  const header = sent === null ? null : compareHeaders(sent, httpHeader.bytes);
  const fields = headerFields(httpHeader.bytes);
  const httpStatus = Number(/^\S+ +(\d{3})/.exec(headerLines(httpHeader.bytes)[0]!)?.[1] ?? 0);
  const { verdict, threat } = judge({
    ...{ icapStatus: status, request: null, body: null, preview: null, icapHeaders: answer.headers },
    response: isResponse ? { version: '1.1', status: httpStatus, reason: '', headers: fields } : null,
  });
  if (verdict === 'blocked') {
    const name = threat?.name ?? 'policy';
    const sign = signOf(answer.headers) ?? signOf(fields) ?? `HTTP ${httpStatus}`;
    return {
      ...{ kind: 'block', threat: name, header, bodyChanged },
      text: `BLOCKED: ${visible(`${name} (${sign})`)}`,
    };
  }
  if (header === null) {
    const text = `${status} answered: the server answers with HTTP ${httpStatus} in place of the origin`;
    return { ...{ kind: 'modify', threat: null, header, bodyChanged: null }, text };
  }
  const headerChanged = !onlyViaDiffers(header);
  const changed = [...(headerChanged ? ['header'] : []), ...(bodyChanged ? ['body'] : [])];
  if (changed.length === 0) {
    const text = `${status} not modified: the server lets it pass and sends the same message back`;
    return { kind: 'pass', threat: null, header, bodyChanged, text };
  }
  return {
    ...{ kind: 'modify', threat: null, header, bodyChanged },
    text: `${status} modified: ${changed.join(' and ')} changed`,
  };
}

function signOf(headers: RawHeaders): string | null {
  for (const name of SIGNS) {
    const value = fieldValue(headers, name.toLowerCase());
    if (value !== undefined && value !== '') return `${name}: ${value}`;
  }
  return null;
}
