// The fields of an answer, read leniently, and what is odd about them: notes that begin with the
// conformance id. Whether a value is wise is for others; here only its grammar is looked at.

import { isWeirError, messageOf, printable } from '../../errors.ts';
import type { IcapMethod } from '../codec/encapsulated.ts';
import { parseEncapsulated } from '../codec/encapsulated.ts';
import type { RawHeaders } from '../codec/fields.ts';
import { fieldValue, fieldValues, isToken } from '../codec/fields.ts';

const MAX_ISTAG = 32; // bytes (RFC 3507 §4.7)
const PART = /^([a-z]+-[a-z]+)[ \t]*=[ \t]*(\d{1,15})$/i;

export interface AnnouncedPart {
  readonly name: 'req-hdr' | 'res-hdr' | 'req-body' | 'res-body' | 'opt-body' | 'null-body';
  /** Bytes of a header section; null where no later offset tells. */
  readonly length: number | null;
}

/** Field lines to names and values; a line that is no field is noted and left out. */
export function readFieldLines(lines: readonly string[], notes: string[]): RawHeaders {
  const headers: RawHeaders = [];
  for (const line of lines) {
    const last = headers.length - 1;
    if (/^[ \t]/.test(line) && last > 0) {
      const glue = headers[last - 1]!.toLowerCase() === 'x-violations-found' ? '\n' : ' '; // C-11
      headers[last] += glue + line.trim();
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    if (!isToken(name.trim())) {
      notes.push(`C-10 "${printable(line)}" is not a field`);
      continue;
    }
    if (name !== name.trim()) notes.push(`C-10 a blank stands before the colon of ${printable(name.trim())}`);
    headers.push(name.trim(), line.slice(colon + 1).trim());
  }
  return headers;
}

/** Notes what is odd about the fields that every answer has. */
export function noteFields(headers: RawHeaders, notes: string[]): void {
  const istag = fieldValue(headers, 'istag');
  if (istag === undefined) notes.push('C-111 the answer has no ISTag');
  else if (!/^"[^"]*"$/.test(istag))
    notes.push(`C-112 the ISTag is not a quoted string: ${printable(istag)}`);
  else if (istag.length - 2 > MAX_ISTAG) notes.push(`C-110 the ISTag is longer than ${MAX_ISTAG} bytes`);
  if (fieldValue(headers, 'transfer-encoding') !== undefined) {
    notes.push('C-13 Transfer-Encoding in the ICAP header');
  }
  for (const name of ['Encapsulated', 'Preview', 'ISTag']) {
    if (fieldValues(headers, name.toLowerCase()).length > 1) notes.push(`C-14 more than one ${name}`);
  }
}

/**
 * Reads an `Encapsulated` value as far as it makes sense and notes what does not.
 *
 * @returns parts to read, in wire order; none for 100 and 204, which carry none whatever they say (C-20)
 */
export function noteEncapsulated(
  value: string | undefined,
  status: number,
  method: IcapMethod,
  notes: string[],
): AnnouncedPart[] {
  const carries = status >= 200 && status < 300 && status !== 204;
  if (value === undefined) {
    if (carries) notes.push(`C-20 a ${status} answer without Encapsulated`);
    return [];
  }
  if (status === 100 || status === 204) {
    if (!/^null-body[ \t]*=[ \t]*0$/i.test(value))
      notes.push(`C-20 Encapsulated: ${printable(value)} on a ${status}`);
    return [];
  }
  if (/[A-Z]/.test(value)) notes.push(`C-23 section names are not in lower case: ${printable(value)}`);
  if (carries) noteIllegal(value, method, notes);
  const found = value
    .split(/,|[ \t]+(?=[a-z]+-)/i)
    .map((element) => PART.exec(element.trim()))
    .filter((match) => match !== null)
    .map(([, name, offset]) => ({
      name: name!.toLowerCase() as AnnouncedPart['name'],
      offset: Number(offset),
    }))
    .filter(({ name }) => /^(?:re[qs]-(?:hdr|body)|(?:opt|null)-body)$/.test(name))
    .sort((a, b) => a.offset - b.offset || Number(isBody(a.name)) - Number(isBody(b.name)));
  const parts: AnnouncedPart[] = [];
  found.forEach(({ name, offset }, index) => {
    const next = found[index + 1]?.offset ?? null;
    if (isBody(name) ? found.findIndex((part) => isBody(part.name)) === index : next !== offset) {
      parts.push({ name, length: isBody(name) || next === null ? null : next - offset });
    }
  });
  const first = found[0];
  if (first !== undefined && isBody(first.name) && first.offset > 0 && /^re[qs]-body$/.test(first.name)) {
    // A header stands in front although nobody says so (V-33).
    parts.unshift({ name: first.name === 'req-body' ? 'req-hdr' : 'res-hdr', length: first.offset });
  }
  return parts;
}

function noteIllegal(value: string, method: IcapMethod, notes: string[]): void {
  try {
    parseEncapsulated(value, method, 'response', false);
  } catch (error) {
    if (!isWeirError(error)) throw error;
    notes.push(`C-24 ${messageOf(error)}`);
  }
}

function isBody(name: string): boolean {
  return name.endsWith('-body');
}
