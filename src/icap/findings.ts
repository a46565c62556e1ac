// What each judge of a service has said of one message, told beside the answer: as an object in one process, as
// the field X-Weir-Blades over a connection of our own, and only where it was asked for with X-Weir-Trace.
// What the answer means is decided without it.

import { fieldValue } from './codec/fields.ts';
import type { RawHeaders } from './codec/http-head.ts';

/** One judge's say. */
export interface Finding {
  readonly name: string;
  /** e.g. `allow`, `block`, `modify`, `error`, `background`, `not-scanned: <reason>`. */
  readonly verdict: string;
  /** Milliseconds. */
  readonly ms: number;
  /** The verdict was known from before. */
  readonly cached?: true;
}

/** The line by which a request asks for findings, CR LF included. */
export const ASK_FINDINGS = 'X-Weir-Trace: blades\r\n';

const MAX_FINDINGS = 32;
const MAX_WORD = 64; // characters of a name or verdict
const MAX_FIELD = 4096; // characters of the field's value; further findings are left out
const MEMBER = /^([^=;,\s]+)=([^=;,\s]+);ms=(\d{1,9}(?:\.\d{1,3})?)(;cached)?$/;

/** Whether the ICAP header of a request asks for findings. */
export function asksFindings(icapHeaders: RawHeaders): boolean {
  return fieldValue(icapHeaders, 'x-weir-trace') !== undefined;
}

/** The line that tells them, CR LF included, such as `X-Weir-Blades: antivirus=allow;ms=0.4`; '' for none. */
export function findingsLine(findings: readonly Finding[]): string {
  let value = '';
  for (const { name, verdict, ms, cached } of findings.slice(0, MAX_FINDINGS)) {
    const took = Math.min(Math.max(0, ms), 1e8).toFixed(2);
    const member = `${word(name)}=${word(verdict)};ms=${took}${cached === true ? ';cached' : ''}`;
    if (value.length + member.length > MAX_FIELD) break;
    value += value === '' ? member : `, ${member}`;
  }
  return value === '' ? '' : `X-Weir-Blades: ${value}\r\n`;
}

/** What an answer tells of them; members that cannot be read are left out, null where none is left. */
export function readFindings(icapHeaders: RawHeaders): readonly Finding[] | null {
  const value = fieldValue(icapHeaders, 'x-weir-blades');
  if (value === undefined || value.length > 2 * MAX_FIELD) return null;
  const findings: Finding[] = [];
  for (const member of value.split(',', MAX_FINDINGS)) {
    const [, name, verdict, ms, cached] = MEMBER.exec(member.trim()) ?? [];
    if (name === undefined || verdict === undefined) continue;
    findings.push({
      name: plainWord(name),
      verdict: plainWord(verdict),
      ms: Number(ms),
      ...(cached === undefined ? {} : { cached: true as const }),
    });
  }
  return findings.length === 0 ? null : findings;
}

function word(text: string): string {
  return encodeURIComponent(Buffer.from(text.slice(0, MAX_WORD)).toString()) || '-';
}

function plainWord(text: string): string {
  try {
    return decodeURIComponent(text).slice(0, MAX_WORD);
  } catch {
    return text.slice(0, MAX_WORD);
  }
}
