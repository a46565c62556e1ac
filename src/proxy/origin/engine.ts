// What the proxy asks of an origin client, whichever library does the work. One conformance suite runs
// against each engine (test/proxy/origin). See docs/decisions/0004-origin-client.md.

import type { Socket } from 'node:net';
import type { Body } from '../../http/body.ts';
import type { Framing, HeaderFacts } from '../../http/framing.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import type { OriginNote } from '../../trace/notes.ts';
import type { Cancellation } from '../../util/cancellation.ts';

/** Where a request goes. */
export interface OriginTarget {
  readonly secure: boolean;
  /** Lower-case DNS name or IP address without brackets, to connect to. */
  readonly host: string;
  readonly port: number;
  /** What the certificate must be valid for; differs from `host` where a client asked for a name at an address. */
  readonly serverName: string;
  /**
   * SHA-256 fingerprint of a certificate that cannot be verified and that the user goes on with nonetheless;
   * absent: none. Connections of such targets serve no others.
   */
  readonly acceptedCertificate?: string;
}

export interface OriginRequest {
  readonly target: OriginTarget;
  /** Target in origin form; end-to-end fields, Host among them. */
  readonly head: RequestHead;
  readonly body: Body | null;
  /** Value of Content-Length in `head`; null with a body means chunked. */
  readonly contentLength: number | null;
  /** Value of the Trailer field to announce. */
  readonly trailer: string | null;
  /** The client reads trailer fields (TE: trailers). */
  readonly trailersWanted?: boolean;
  /** It came by HTTP/2, which an origin may then be offered as well. */
  readonly http2?: boolean;
  /** Protocol to switch to: sends `Connection: Upgrade` and that Upgrade value. */
  readonly upgrade: string | null;
  readonly cancellation: Cancellation;
  /** The client connection that a login by NTLM or Negotiate holds for; absent or null: none can. */
  readonly loginScope?: Socket | null;
  /** What is noted on the way; only where transactions are traced. */
  readonly note?: OriginNote | null;
  /** Called for each interim response, 101 excepted. */
  onInformation(status: number, reason: string, headers: RawHeaders): void;
}

export interface OriginResponse {
  readonly head: ResponseHead;
  readonly facts: HeaderFacts;
  readonly framing: Framing;
  readonly body: Body | null;
  /** Address that was connected to. */
  readonly serverIp: string | null;
  /** The origin asks, over HTTP/1, for a login that holds for a connection (NTLM, Negotiate). */
  readonly wantsConnectionLogin?: boolean;
  /** After 101: the connection, paused, and what was read past the head. */
  readonly upgraded: { readonly socket: Socket; readonly rest: Buffer } | null;
}

export interface OriginEngine {
  readonly name: string;
  /**
   * Sends a request and resolves with the head of the final response; its body streams.
   * @throws {HttpError} `ERR_ORIGIN_…`, `ERR_PROXY_SELF`, `ERR_ABORTED`
   */
  send(request: OriginRequest): Promise<OriginResponse>;
  close(): void;
  /** Its connections, for metrics. */
  counts?(): OriginCounts;
}

/** Connections to all origins together. */
export interface OriginCounts {
  /** Origins with a connection. */
  readonly origins: number;
  readonly open: number;
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
  /** Requests so far, by the connection they went on. */
  readonly requests: { readonly new: number; readonly reused: number };
}
