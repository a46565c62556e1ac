// What a final answer means, from its head and header sections: not modified, another message, or a
// failure with its code. Whether the original is still there for it, exchange.ts knows. K-30 … K-33.

import { IcapError } from '../../errors.ts';
import { fieldValue } from '../codec/fields.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import type { RequestHead, ResponseHead } from '../codec/http-head.ts';
import { parseRequestHead, parseResponseHead } from '../codec/http-head.ts';
import type { Sections } from '../codec/message-parser.ts';
import type { ModMethod } from '../service.ts';

export interface AnsweredHeads {
  readonly request: RequestHead | null;
  readonly response: ResponseHead | null;
}

/**
 * Reads a final answer to REQMOD or RESPMOD.
 *
 * @returns null where the message is not modified: 204, or the empty 200 of c-icap (K-32)
 * @throws {IcapError} `ERR_ADAPT_STATUS`, `ERR_ADAPT_AUTH` for a status that adapts nothing; `ERR_ADAPT_PROTOCOL`
 *         for one that carries no header that fits (K-31); `ERR_ICAP_SECTION` for a header that is none
 */
export function readAnswer(
  method: ModMethod,
  head: IcapResponseHead,
  sections: Sections,
): AnsweredHeads | null {
  const { status } = head;
  if (status === 204) return null;
  if (status !== 200 && status !== 201 && status !== 206) throw refusal(head);
  const { requestHeader, responseHeader } = sections;
  if (requestHeader === null && responseHeader === null) {
    if (isEmptyOk(head)) return null;
    throw new IcapError('ERR_ADAPT_PROTOCOL', `a ${status} answer carries no HTTP header`);
  }
  if (method === 'RESPMOD' && responseHeader === null) {
    throw new IcapError('ERR_ADAPT_PROTOCOL', 'the answer to RESPMOD carries no response');
  }
  return {
    request: requestHeader === null ? null : parseRequestHead(requestHeader),
    response: responseHeader === null ? null : parseResponseHead(responseHeader),
  };
}

/** The failure that a status stands for; its class decides where the status itself is unknown (K-30). */
export function refusal(head: IcapResponseHead, asked = 'the message'): IcapError {
  const { status, reason } = head;
  const fields = { icapStatus: status };
  if (status === 401 || status === 407) {
    const text = `the ICAP server wants a user and password, or other ones (${status} ${reason}`.trimEnd();
    return new IcapError('ERR_ADAPT_AUTH', `${text})`, fields);
  }
  const text = `the ICAP server answered ${status} ${reason}`.trimEnd();
  return new IcapError('ERR_ADAPT_STATUS', `${text} to ${asked}`, fields);
}

/** c-icap's `Allow204As200okZeroEncaps`: a header section that is announced, and empty (K-32). */
function isEmptyOk({ status, encapsulated, headers }: IcapResponseHead): boolean {
  if (status !== 200 || encapsulated.body !== null) return false;
  return /^re[qs]-hdr\s*=\s*0\s*,?\s*null-body\s*=\s*0$/i.test(fieldValue(headers, 'encapsulated') ?? '');
}
