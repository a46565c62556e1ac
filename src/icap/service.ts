// What an ICAP service is: the contract between whoever runs the dialogue (the server over TCP, the
// proxy in its own process) and whoever judges messages (src/gateway). Neither knows the other.

import type { RawHeaders, RequestHead, ResponseHead } from './codec/http-head.ts';
import type { Body } from '../http/body.ts';
import type { HeldBody } from '../http/held-body.ts';
import type { WeirError } from '../errors.ts';

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
  /** Parsed on first use. @throws {IcapError} `ERR_ICAP_SECTION` where it is no HTTP request head */
  readonly request: RequestHead | null;
  /** Parsed on first use; null also where the section holds no response (C-28). */
  readonly response: ResponseHead | null;
  readonly body: HeldBody | null;
  /** Aborted when the ICAP client gives up. Made on first use. */
  readonly signal: AbortSignal;
}

export interface Unmodified {
  readonly kind: 'unmodified';
  /** Extra ICAP fields of the answer. */
  readonly headers?: RawHeaders;
}

export interface Adapted {
  readonly kind: 'adapted';
  /** Exactly one of both. A response to REQMOD answers in the origin's stead. */
  readonly request?: RequestHead;
  readonly response?: ResponseHead;
  readonly body: Body | null;
  /** Made by the server, not derived from the message: gets no Via (C-94). */
  readonly serverMade: boolean;
  readonly headers?: RawHeaders;
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
}

export interface IcapService {
  /** Path of the URI, e.g. `/sandblast`. */
  readonly path: string;
  readonly methods: readonly ModMethod[];
  /** Header sections without which it answers 418. */
  readonly requires?: { readonly REQMOD?: 'req-hdr'; readonly RESPMOD?: 'res-hdr' };
  describe(): ServiceDescription;
  /** Judges one message. A throw becomes an ICAP error; a WeirError decides its status. */
  handle(transaction: IcapTransaction): IcapOutcome | Promise<IcapOutcome>;
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
