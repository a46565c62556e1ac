// Holds the body of an ICAP server's answer back until it is here whole, so that a server that breaks off
// costs nobody a truncated page: the step may still ask another service, pass the original, or refuse.
// Bodies that are too long to wait for, and streams that never end, go on at once.

import { IcapError, printable } from '../../errors.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { Adaptation } from '../../icap/client/adaptation.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';

/** Media types whose messages have no end that anybody waits for, if no length is announced. */
const ENDLESS = /^(?:text\/event-stream|multipart\/x-mixed-replace|audio\/|video\/)/i;

/**
 * @param limit  bytes up to which a body is waited for; 0: never
 * @param asked  method of the HTTP request
 * @returns the adaptation, its body safe from now on; past `limit` it may still break off
 * @throws {WeirError} what the body broke off with, `ERR_ADAPT_PROTOCOL` where it is not as long as its head
 *         says (C-37); the original is still there then
 */
export async function securedAnswer(
  adaptation: Adaptation,
  limit: number,
  asked: string,
  spool: SpoolOptions,
): Promise<Adaptation> {
  const { body, dropOriginal } = adaptation;
  if (body === null || dropOriginal === undefined) return adaptation;
  const headers = (adaptation.response ?? adaptation.request)?.headers ?? [];
  if (isWaitedFor(headers, limit)) {
    const held = new HeldBody(body, spool);
    const { icapStatus, request, response, icapHeaders, preview } = adaptation;
    const isWhole = await held.holdUpTo(limit);
    if (isWhole && !(response !== null && isBodiless(asked, response.status))) checkLength(held, headers);
    dropOriginal();
    return {
      icapStatus,
      request,
      response,
      body: held.restream(),
      icapHeaders,
      preview,
      dropOriginal: undefined,
    };
  }
  dropOriginal();
  return adaptation;
}

/** Its Content-Length is that of another answer, and whatever body it has is not delivered. */
function isBodiless(asked: string, status: number): boolean {
  return asked === 'HEAD' || status === 204 || status === 304;
}

/** What does not fit would be cut while it is delivered. @throws {IcapError} `ERR_ADAPT_PROTOCOL` */
function checkLength(held: HeldBody, headers: RawHeaders): void {
  const announced = fieldValue(headers, 'content-length');
  const { size } = held;
  if (announced === undefined || size === null || Number(announced) === size) return;
  const error = new IcapError(
    'ERR_ADAPT_PROTOCOL',
    `the ICAP server sent a body of ${size} bytes, its Content-Length says ${printable(announced)}`,
  );
  held.restream().cancel(error);
  throw error;
}

function isWaitedFor(headers: RawHeaders, limit: number): boolean {
  if (limit === 0) return false;
  const length = fieldValue(headers, 'content-length');
  if (length === undefined) return !ENDLESS.test(fieldValue(headers, 'content-type') ?? '');
  return !(Number(length) > limit);
}
