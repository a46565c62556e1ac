// One request on its way to an answer, as a server connection keeps it, and the rules that need no more
// than this state: whether 204 is allowed, whether the composition suits the service.
// RFC 3507 §4.5, §4.6; C-50 … C-52, S-418.

import { IcapError, isWeirError, messageOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import type { IcapRequestHead } from '../codec/head.ts';
import type { IcapService, ModMethod } from '../service.ts';
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

/** Name of the header section that the service needs and the request lacks (S-418), or null. */
export function missingSection(exchange: Exchange, service: IcapService): 'req-hdr' | 'res-hdr' | null {
  const { head, transaction } = exchange;
  const needed = service.requires?.[head.method as ModMethod];
  if (needed === undefined) return null;
  const { requestHeader, responseHeader } = transaction.sections;
  return (needed === 'req-hdr' ? requestHeader : responseHeader) === null ? needed : null;
}

/** Anything thrown as an error that has an ICAP status; what is not ours becomes 500. */
export function asIcapError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new IcapError('ERR_ICAP_SERVICE', `the service failed: ${messageOf(error)}`, {}, error);
}
