// Holds the body of an ICAP server's answer back until it is here whole, so that a server that breaks off
// costs nobody a truncated page: the step may still ask another service, pass the original, or refuse.
// Bodies that are too long to wait for, and streams that never end, go on at once.

import { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { Adaptation } from '../../icap/client/adaptation.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';

/** Media types whose messages have no end that anybody waits for, if no length is announced. */
const ENDLESS = /^(?:text\/event-stream|multipart\/x-mixed-replace|audio\/|video\/)/i;

/**
 * @param limit  bytes up to which a body is waited for; 0: never
 * @returns the adaptation, its body safe from now on; past `limit` it may still break off
 * @throws {WeirError} what the body broke off with; the original is still there then
 */
export async function securedAnswer(
  adaptation: Adaptation,
  limit: number,
  spool: SpoolOptions,
): Promise<Adaptation> {
  const { body, dropOriginal } = adaptation;
  if (body === null || dropOriginal === undefined) return adaptation;
  const headers = (adaptation.response ?? adaptation.request)?.headers ?? [];
  if (isWaitedFor(headers, limit)) {
    const held = new HeldBody(body, spool);
    await held.holdUpTo(limit);
    dropOriginal();
    const { icapStatus, request, response, icapHeaders, preview } = adaptation;
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

function isWaitedFor(headers: RawHeaders, limit: number): boolean {
  if (limit === 0) return false;
  const length = fieldValue(headers, 'content-length');
  if (length === undefined) return !ENDLESS.test(fieldValue(headers, 'content-type') ?? '');
  return !(Number(length) > limit);
}
