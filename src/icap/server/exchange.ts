// One request on its way to an answer, as a server connection keeps it, and the rules that need no more
// than this state: whether 204 is allowed, whether the service takes the request at all.
// RFC 3507 §4.5, §4.6; C-50 … C-52, S-13, S-418.

import { IcapError, isWeirError, messageOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import type { IcapRequestHead, IcapRequestLine } from '../codec/head.ts';
import type { Sections } from '../codec/message-parser.ts';
import { servicePath } from '../codec/uri.ts';
import type { IcapService } from '../service.ts';
import type { WireTransaction } from './transaction.ts';

export interface Exchange {
  readonly head: IcapRequestHead;
  readonly transaction: WireTransaction;
  readonly service: IcapService | undefined;
  readonly body: Body | null;
  readonly startedAt: number;
  /** The client waits behind its preview for 100 or a final answer. */
  awaitsContinue: boolean;
  /** 100 was sent: the exception that allows 204 to a preview is over (C-51). */
  continued: boolean;
  /** Every byte of the request was read. */
  requestDone: boolean;
  /** Bytes of the final answer went out: no other answer is possible (S-01). */
  headSent: boolean;
  /** The final answer is complete. */
  responded: boolean;
  /** Bytes of the request's body that arrived after the answer. */
  drained: number;
}

export function newExchange(
  head: IcapRequestHead,
  transaction: WireTransaction,
  service: IcapService | undefined,
  body: Body | null,
): Exchange {
  return {
    head,
    transaction,
    service,
    body,
    startedAt: performance.now(),
    awaitsContinue: false,
    continued: false,
    requestDone: false,
    headSent: false,
    responded: false,
    drained: 0,
  };
}

/** 204 outside a preview needs the client's word for it (C-50 … C-52). */
export function may204(exchange: Exchange): boolean {
  const { head } = exchange;
  return head.allow204 || (head.preview !== null && !exchange.continued);
}

/**
 * Why a service does not take a request, in the order of S-13: 404, 405, 418; null when it does. Without
 * `sections` (the header was broken before them) the composition is not judged. OPTIONS suits every service.
 */
export function objectionTo(
  { method, uri }: IcapRequestLine,
  service: IcapService | undefined,
  sections: Sections | null = null,
): IcapError | null {
  if (service === undefined) return new IcapError('ERR_ICAP_NOT_FOUND', `no service at ${servicePath(uri)}`);
  if (method === 'OPTIONS') return null;
  if (!service.methods.includes(method)) {
    return new IcapError('ERR_ICAP_NOT_ALLOWED', `${service.path} does not offer ${method}`);
  }
  const needed = sections === null ? undefined : service.requires?.[method];
  if (needed === undefined) return null;
  const found = needed === 'req-hdr' ? sections!.requestHeader : sections!.responseHeader;
  if (found !== null) return null;
  return new IcapError('ERR_ICAP_BAD_COMPOSITION', `${service.path} needs ${needed}`);
}

/** Anything thrown as an error that has an ICAP status; what is not ours becomes 500. */
export function asIcapError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new IcapError('ERR_ICAP_SERVICE', `the service failed: ${messageOf(error)}`, {}, error);
}
