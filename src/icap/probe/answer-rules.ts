// Judges a final answer to REQMOD or RESPMOD against what was asked: what makes it unusable, and what was
// not allowed although a client can live with it. K-30 … K-35, C-37, C-50, C-51, C-61, C-65, C-67.

import { chunkExtension } from '../codec/chunked.ts';
import { fieldValue } from '../codec/fields.ts';
import type { ProbeMessage, ProbeOutcome } from './exchange.ts';
import { headerFields } from './http-header.ts';
import type { WireResponse } from './wire-client.ts';

/** Why a client cannot use the answer, in words with the conformance id; null if it can. */
export function faultOf(
  answer: WireResponse,
  method: 'REQMOD' | 'RESPMOD',
  originalBytes: number,
): string | null {
  const { status, httpHeader, bodyBytes, encapsulated = '' } = answer;
  if (status === 204) return null;
  if (status >= 400) return `the server refuses with ${status} ${answer.reason}`.trim();
  if (status !== 200 && status !== 201 && status !== 206) return `${status} is no answer to ${method} (K-30)`;
  if (httpHeader === null) {
    if (bodyBytes === 0 && isEmptyEcho(encapsulated)) return null;
    return `a ${status} answer without an HTTP header (K-31)`;
  }
  if (method === 'RESPMOD' && httpHeader.kind === 'req-hdr')
    return 'RESPMOD is answered with a request (K-31)';
  if (status !== 206) return null;
  const offset = chunkExtension(answer.lastChunkExtension, 'use-original-body');
  if (offset === undefined) return null;
  if (!/^\d{1,15}$/.test(offset)) return 'use-original-body is not a byte offset (C-65)';
  if (Number(offset) > originalBytes) {
    return `use-original-body=${offset} is past the end of the original, ${originalBytes} bytes (C-65)`;
  }
  return null;
}

/** `res-hdr=0, null-body=0`: how c-icap may be told to say "not modified" (K-32). */
function isEmptyEcho(encapsulated: string): boolean {
  return /^re[qs]-hdr[ \t]*=[ \t]*0[ \t]*,[ \t]*null-body[ \t]*=[ \t]*0$/i.test(encapsulated);
}

interface Answered extends Pick<
  ProbeOutcome,
  'answer' | 'preview' | 'continued' | 'resultBytes' | 'assembled'
> {
  readonly message: ProbeMessage;
}

/** Adds to `notes` what the answer did that the request had not allowed, and what contradicts itself. */
export function noteAnswer(
  { answer, message, preview, continued, resultBytes, assembled }: Answered,
  notes: string[],
): void {
  const { status } = answer;
  const { allow, body } = message;
  notes.push(...answer.notes);
  const inPreview = (preview !== null || message.preview !== null) && !continued;
  if (status === 204 && !allow.includes('204') && !inPreview) {
    notes.push(`${continued ? 'C-51' : 'C-50'} 204 although the request does not allow it`);
  }
  if (status === 206) {
    const allowed = allow.includes('206') && (inPreview || allow.includes('204'));
    if (!allowed) notes.push('C-61 206 although the request does not allow it');
    if (body === null) notes.push('C-67 206 to a message without body');
  }
  if (status === 201) notes.push('S-201 201 is taken for 200');
  if (status === 200 && answer.httpHeader === null)
    notes.push('K-32 an empty 200 is taken for "not modified"');
  if (status === 200 && preview !== null && !preview.ieof && !continued) {
    notes.push('S-06 answered from the preview alone: the rest of the body is never sent');
  }
  if (answer.httpHeader === null || (assembled !== 'new' && assembled !== 'both')) return;
  const announced = fieldValue(headerFields(answer.httpHeader.bytes), 'content-length');
  const hasBody = !/null-body/i.test(answer.encapsulated ?? '');
  if (hasBody && announced !== undefined && Number(announced) !== resultBytes) {
    notes.push(`C-37 Content-Length is ${announced}, the adapted body has ${resultBytes} bytes`);
  }
}
