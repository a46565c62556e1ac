// What a request for a part brings along, and what can become of it. RFC 9110 §14.

import type { Body } from '../../http/body.ts';
import type { Answer } from '../../http/server-connection.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { RawHeaders, ResponseHead } from '../../icap/codec/http-head.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import type { PipelineOutput } from '../adaptation/pipeline.ts';
import type { OriginResponse } from '../origin/engine.ts';
import type { ObjectVerdict } from './verified-object.ts';

export interface RangeSettings {
  readonly mode: 'whole' | 'strip' | 'fragment' | 'block';
  /** Bytes of the largest object that is fetched for a part of it. */
  readonly maxBytes: number;
  /** 0: nothing is kept. */
  readonly keepMs: number;
  /** Bytes of all objects that are kept. */
  readonly totalBytes: number;
  readonly share: 'all' | 'client';
  readonly spool: SpoolOptions;
}

/** What the log says of a request for a part. */
export interface RangeRecord {
  /** Transaction that fetched the object which the answer was made of; null where it was made of none. */
  readonly object: string | null;
  /**
   * `fetched`: by this transaction; `joined`: by another one at that time; `kept`: it was there; `origin`: the
   * part came from the origin; `stripped`: all of it was asked for.
   */
  readonly use: 'fetched' | 'joined' | 'kept' | 'origin' | 'stripped';
}

/** A transaction that asks for a part. */
export interface RangeTransaction {
  readonly id: string;
  readonly client: string;
  readonly user: string | null;
  /** Where its request goes, and what for: equal for the same object. */
  readonly place: string;
  /** End-to-end fields of its request. */
  readonly headers: RawHeaders;
  readonly cancellation: Cancellation;
  /** Sends the request with these fields. */
  send(headers: RawHeaders, cancellation: Cancellation): Promise<OriginResponse>;
  /** A response that has no end. */
  isStream(response: OriginResponse): boolean;
  /** RESPMOD, on the response to a request with these fields. */
  adapt(
    response: OriginResponse,
    headers: RawHeaders,
    body: Body,
    cancellation: Cancellation,
  ): Promise<PipelineOutput>;
  planFor(headers: RawHeaders, response: ResponseHead, length: number | null): string;
}

export type RangeOutcome =
  | {
      readonly kind: 'answer';
      readonly answer: Answer;
      readonly record: RangeRecord;
      readonly verdict: ObjectVerdict;
    }
  /** The response to a request without Range: goes on as any other. */
  | { readonly kind: 'response'; readonly response: OriginResponse; readonly headers: RawHeaders }
  /** To be sent with these fields. */
  | { readonly kind: 'send'; readonly headers: RawHeaders; readonly record: RangeRecord };
