// One request on its way to an answer, as a server connection keeps it, and whether its service takes it at
// all. Which answer it gets is final-answer.ts. S-13, S-404, S-405, S-418.

import type { Socket } from 'node:net';
import { IcapError, isWeirError, messageOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import type { IcapRequestHead, IcapRequestLine } from '../codec/head.ts';
import type { Sections } from '../codec/message-parser.ts';
import { servicePath } from '../codec/uri.ts';
import type { IcapOutcome, IcapService } from '../service.ts';
import type { WireTransaction } from './transaction.ts';

export interface Exchange {
  readonly head: IcapRequestHead;
  readonly transaction: WireTransaction;
  service: IcapService | undefined;
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
  /** Of the final answer once its head went out; 0 before. */
  status: number;
  /** The body of the answer is out, its ICAP trailer is not. */
  awaitsTrailer: boolean;
  /** The final answer is complete. */
  responded: boolean;
  /** Bytes of the request's body that arrived after the answer. */
  drained: number;
  /** Sends the answer once the preview has arrived, where it must not begin before. */
  afterPreview: (() => void) | null;
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
    status: 0,
    awaitsTrailer: false,
    responded: false,
    drained: 0,
    afterPreview: null,
  };
}

/** The client has sent a part of its preview: whether it waits for 100 or has sent all is not known yet. */
export function previewIsArriving({ head, body, requestDone, awaitsContinue, continued }: Exchange): boolean {
  return head.preview !== null && body !== null && !requestDone && !awaitsContinue && !continued;
}

/** Nothing is expected of the client now: it has sent all, or waits for us. */
export function isOurTurn(exchange: Exchange, socket: Socket): boolean {
  if (exchange.awaitsTrailer) return false;
  return exchange.requestDone || exchange.awaitsContinue || socket.isPaused();
}

/** The preview is here, or no more of it can be kept. */
export function answerWaiting(exchange: Exchange): void {
  const { afterPreview } = exchange;
  exchange.afterPreview = null;
  afterPreview?.();
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

/** Lets a service judge a message; one of the two is called once, at once where the service answers at once. */
export function handleBy(
  service: IcapService,
  transaction: WireTransaction,
  done: (outcome: IcapOutcome) => void,
  failed: (error: unknown) => void,
): void {
  try {
    const outcome = service.handle(transaction);
    if (outcome instanceof Promise) outcome.then(done, failed);
    else done(outcome);
  } catch (error) {
    failed(error);
  }
}

/**
 * What a request is answered that cannot be read. A path or method that does not exist is the more telling
 * answer (S-13) where its first `line` was read, though framing is lost.
 */
export function objectionToBroken(
  line: IcapRequestLine | null,
  service: IcapService | undefined,
  error: unknown,
): WeirError {
  return (line === null ? null : objectionTo(line, service)) ?? asIcapError(error);
}

/** Anything thrown as an error that has an ICAP status; what is not ours becomes 500. */
export function asIcapError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new IcapError('ERR_ICAP_SERVICE', `the service failed: ${messageOf(error)}`, {}, error);
}
