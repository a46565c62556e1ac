// What a client's connection hands out, whichever version of HTTP it speaks: one request and the way to
// answer it. HTTP/1 is server-connection.ts, HTTP/2 src/http2; whoever forwards knows neither.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import type { Cancellation } from '../util/cancellation.ts';
import type { Body } from './body.ts';
import type { Framing, HeaderFacts } from './framing.ts';

/** An answer. `headers` hold end-to-end fields; framing fields are added by the connection. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: RawHeaders;
  /** Null where the answer has no body, or may not have one (HEAD, 204, 304). */
  readonly body: Body | null;
  /** Value of Content-Length in `headers`, which the body must have; null where there is none. */
  readonly contentLength: number | null;
  /** Value of the Trailer field to announce, if the body is sent in chunks. */
  readonly trailer?: string | null;
}

/** One request and its answer. */
export interface ServerExchange {
  /** `version` is `1.0`, `1.1` or `2.0`; an HTTP/2 request looks as it would in HTTP/1, with its Host. */
  readonly head: RequestHead;
  readonly facts: HeaderFacts;
  readonly framing: Framing;
  readonly body: Body | null;
  readonly cancellation: Cancellation;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
  /** What an NTLM or Negotiate login holds for: the client's connection; null where that carries streams. */
  readonly loginScope: Socket | null;
  /** Ends an HTTP/2 stream so that its client asks again by HTTP/1.1 (RFC 9113 §7). Nothing on HTTP/1. */
  demandHttp1(error: Error): void;
  /** Sends an interim answer, e.g. 103. Nothing is sent to HTTP/1.0 clients (RFC 9110 §15.2). */
  inform(status: number, reason: string, headers: RawHeaders): void;
  /** Sends the answer; resolves when it was handed on whole, rejects when it broke off. */
  respond(answer: Answer): Promise<void>;
  /**
   * Ends HTTP where this request came (CONNECT, upgrade): on the connection, or on the one stream.
   * @returns what carries bytes from now on, paused, and the bytes that were read past the request
   */
  takeOver(): { readonly socket: Duplex; readonly rest: Buffer };
}

/** A connection that carries requests, as its listener sees it. */
export interface ServerConnection {
  /** Shutdown: what runs is the last. */
  drain(): void;
}
