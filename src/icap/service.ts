// What an ICAP service is: the contract between whoever runs the dialogue (the server over TCP, the
// proxy in its own process) and whoever judges messages (src/gateway). Neither knows the other.

import type { RawHeaders, RequestHead, ResponseHead } from './codec/http-head.ts';
import type { Body } from '../http/body.ts';
import type { HeldBody } from '../http/held-body.ts';
import type { WeirError } from '../errors.ts';
import type { Finding } from './findings.ts';

export type ModMethod = 'REQMOD' | 'RESPMOD';

/** One REQMOD or RESPMOD as a service sees it. */
export interface IcapTransaction {
  readonly method: ModMethod;
  /** Query of the ICAP URI without `?`, or ''. */
  readonly args: string;
  /** Fields of the ICAP header. */
  readonly icapHeaders: RawHeaders;
  /** Address of the ICAP client; `in-process` for the co-located proxy. */
  readonly icapClient: string;
  /** Asked for by this process itself, over TCP. */
  readonly isOwn?: boolean;
  /** Subject of the ICAP client's certificate; absent or null without one. */
  readonly icapCertificate?: string | null;
  /** Name that the ICAP client has logged in with; absent or null where it did not. */
  readonly icapUser?: string | null;
  /** Parsed on first use. @throws {IcapError} `ERR_ICAP_SECTION` where it is no HTTP request head */
  readonly request: RequestHead | null;
  /** Parsed on first use; null also where the section holds no response (C-28). */
  readonly response: ResponseHead | null;
  readonly body: HeldBody | null;
  /** Aborted when the ICAP client gives up. Made on first use. */
  readonly signal: AbortSignal;
}

/** ICAP fields that are known only once the body has been sent: sent behind it (C-100, C-101). */
export interface IcapTrailer {
  /** What the answer announces in `Trailer`; a field that is not named here is not sent. */
  readonly names: readonly string[];
  /**
   * Asked once, after the last byte of the body; never where the client did not agree to trailers. A throw
   * cuts the connection, as the body is out and the message stays incomplete.
   */
  fields(): RawHeaders | Promise<RawHeaders>;
}

export interface Unmodified {
  readonly kind: 'unmodified';
  /** Extra ICAP fields of the answer. */
  readonly headers?: RawHeaders;
  /** Not sent with 204. */
  readonly trailer?: IcapTrailer;
}

export interface Adapted {
  readonly kind: 'adapted';
  /** Exactly one of both. A response to REQMOD answers in the origin's stead. */
  readonly request?: RequestHead;
  readonly response?: ResponseHead;
  /** The whole new body; with `keepOriginalFrom` only what stands before the part that is kept. */
  readonly body: Body | null;
  /**
   * Byte offset into the original body from which it goes on behind `body`: 0 keeps all of it, past its end
   * nothing. Without it the original is dropped. The service must leave the original where it is: `hold`
   * is allowed, `restream` and `release` are not. Content-Length is mended to fit the assembled body, or
   * removed where its length is not known (C-66). No effect on a message without a body (C-67), nor on a
   * response to REQMOD, which has no original.
   */
  readonly keepOriginalFrom?: number;
  /** Made by the server, not derived from the message: gets no Via (C-94). */
  readonly serverMade: boolean;
  readonly headers?: RawHeaders;
  readonly trailer?: IcapTrailer;
}

export type IcapOutcome = Unmodified | Adapted;

/** What OPTIONS says about a service, as of now. RFC 3507 §4.10.2; S-O rows. */
export interface ServiceDescription {
  /** Without quotes, at most 30 characters of `[A-Za-z0-9.-]` (C-110). */
  readonly istag: string;
  /** Bytes wanted as preview; null: no preview. */
  readonly preview: number | null;
  readonly optionsTtlSeconds: number | null;
  readonly maxConnections: number | null;
  readonly service?: string;
  readonly serviceId?: string;
  readonly transferPreview?: string;
  readonly transferIgnore?: string;
  readonly transferComplete?: string;
  /** Identity headers that the service wants, e.g. `X-Client-IP`. */
  readonly include?: readonly string[];
  /** Fields of its answers that say more than the status, for X-Allow-Out; default: none are named. */
  readonly allowOut?: readonly string[];
  /** May answer with `keepOriginalFrom`: 206 is offered to clients that know it (C-62). Default false. */
  readonly partialContent?: boolean;
  /** May answer with a `trailer`: offered to clients that know them (C-101). Default false. */
  readonly trailers?: boolean;
}

export interface IcapService {
  /** Path of the URI, e.g. `/sandblast`. */
  readonly path: string;
  readonly methods: readonly ModMethod[];
  /** Header sections without which it answers 418. */
  readonly requires?: { readonly REQMOD?: 'req-hdr'; readonly RESPMOD?: 'res-hdr' };
  /** @param icapClient  address of who asks, as in `IcapTransaction`; absent: nobody in particular */
  describe(icapClient?: string): ServiceDescription;
  /** Judges one message. A throw becomes an ICAP error; a WeirError decides its status. */
  handle(transaction: IcapTransaction): IcapOutcome | Promise<IcapOutcome>;
  /** Asked behind `handle`, only where somebody wants to know: what each of its judges has said. */
  findingsOf?(transaction: IcapTransaction): readonly Finding[];
}

/** One finished transaction, for the gateway's log. */
export interface IcapReport {
  readonly service: string;
  readonly transaction: IcapTransaction;
  readonly icapStatus: number;
  readonly outcome: IcapOutcome | null;
  readonly error: WeirError | null;
  readonly ms: number;
}

/** The services of one server. */
export interface IcapServiceHost {
  find(path: string): IcapService | undefined;
  /** ISTag of answers that belong to no service. */
  readonly istag: string;
  /** Called once for each REQMOD or RESPMOD; absent where nobody logs. */
  report?(report: IcapReport): void;
}
