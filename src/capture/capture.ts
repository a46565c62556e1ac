// What is copied of one transaction while it runs: the request as the client sent it, the response as the
// origin did, and, when it is over, what became of them. What is done with that is the sink's.

import type { Body } from '../http/body.ts';
import type { SpoolOptions } from '../http/spool.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import { WireNotes } from '../trace/wire.ts';
import { BodyCopy } from './body-copy.ts';

/** Takes captured transactions; a file, or the dashboard's memory. */
export interface CaptureSink {
  /** Bytes of each body that are kept. */
  readonly bodyBytes: number;
  /** Bytes of each direction of each ICAP exchange that are kept; 0: none. */
  readonly wireBytes: number;
  readonly spool: SpoolOptions;
  /** Must call `dispose` of the capture when it is done with it; never throws. */
  take(capture: TransactionCapture, record: ProxyRecord): void;
}

export interface CapturedRequest {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: RawHeaders;
}

export interface CapturedResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: RawHeaders;
}

export class TransactionCapture {
  /** Null where the request could not be read. */
  request: CapturedRequest | null = null;
  requestBody: BodyCopy | null = null;
  /** From the origin; null where it was not asked, or did not answer. */
  response: CapturedResponse | null = null;
  responseBody: BodyCopy | null = null;
  serverIp: string | null = null;
  /** What was said to ICAP servers; null where nobody wants to know. Services of this process are not in it. */
  readonly wire: WireNotes | null;
  readonly startedAtMs = Date.now();
  readonly #sink: CaptureSink;

  constructor(sink: CaptureSink) {
    this.#sink = sink;
    this.wire = sink.wireBytes > 0 ? new WireNotes(sink.wireBytes) : null;
  }

  /** The client's request, before anybody has looked at its body. */
  onRequest(request: CapturedRequest, body: Body | null): void {
    this.request = request;
    if (body !== null) this.requestBody = this.#copy(body);
  }

  /** The origin's answer, before anybody has looked at its body. */
  onResponse(response: CapturedResponse, body: Body | null, serverIp: string | null): void {
    this.response = response;
    this.serverIp = serverIp;
    if (body !== null) this.responseBody = this.#copy(body);
  }

  /** The transaction is over. */
  finish(record: ProxyRecord): void {
    this.#sink.take(this, record);
  }

  dispose(): void {
    this.requestBody?.dispose();
    this.responseBody?.dispose();
  }

  #copy(body: Body): BodyCopy {
    return BodyCopy.of(body, this.#sink.bodyBytes, this.#sink.spool);
  }
}
