// What the proxy asks of an ICAP service and what it gets back, whichever way the service is reached:
// over TCP (service-client.ts) or in this process (in-process.ts).

import type { RequestHead, ResponseHead, RawHeaders } from '../codec/http-head.ts';
import type { Body } from '../../http/body.ts';
import type { HeldBody } from '../../http/held-body.ts';
import type { ServiceNote } from '../../trace/notes.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import type { ModMethod } from '../service.ts';

/** An HTTP message on its way through a service. */
export interface AdaptationMessage {
  readonly method: ModMethod;
  /** Target in absolute form; end-to-end fields only (C-27, C-90). */
  readonly request: RequestHead;
  /** `request` as text, closing blank line included; made once for both points. */
  readonly requestText: string;
  /** Null for REQMOD. */
  readonly response: ResponseHead | null;
  readonly body: HeldBody | null;
  /** Addresses and user as far as known, for the identity fields (K-13). */
  readonly clientIp: string | null;
  readonly serverIp: string | null;
  readonly user: string | null;
  /** Names of the user's groups, as far as known. */
  readonly groups?: readonly string[];
  /** Further fields of the ICAP header, e.g. what another service wants to be passed on (K-72). */
  readonly extraIcapHeaders?: RawHeaders | undefined;
  readonly cancellation: Cancellation;
  /**
   * The original stays intact when the service has answered with a message of its own, until
   * `Adaptation.dropOriginal` is called: its answer may still break off. Set anew for each service.
   */
  keepOriginal?: boolean;
  /** What is noted of it; only where transactions are traced. Set anew for each service. */
  note?: ServiceNote | null;
}

/** How a service answered; at most one of `request` and `response` is set. */
export interface Adaptation {
  /** ICAP status; 204 also stands for "unmodified" by other means. */
  readonly icapStatus: number;
  /** The adapted request, or null. */
  readonly request: RequestHead | null;
  /** The adapted response, or the answer in the origin's stead. */
  readonly response: ResponseHead | null;
  /** Body of the adapted message; for an unmodified one the original body. */
  readonly body: Body | null;
  /** ICAP header fields of the answer. */
  readonly icapHeaders: RawHeaders;
  /** Bytes sent as preview; null without preview. */
  readonly preview: number | null;
  /** The service does not want to see messages of this kind: nothing was sent. */
  readonly ignored?: boolean;
  /** Where the original was kept beyond the answer: frees it. */
  readonly dropOriginal?: (() => void) | undefined;
}

/** A way to one ICAP service. */
export interface AdaptationService {
  readonly name: string;
  /** False while it is known to be down or suspended: a group asks its other members first. */
  readonly available: boolean;
  /** Bodies of its answers come over a connection, and may break off. */
  readonly remote: boolean;
  /** State of what it judges by, as far as it is known: another one may judge the same bytes otherwise. */
  istag?(): string | null;
  /**
   * Sends one message through the service.
   * @throws {WeirError} `ERR_ADAPT_…`; the original can be had back while `message.body.intact`
   */
  adapt(message: AdaptationMessage): Adaptation | Promise<Adaptation>;
  /** Keeps nothing open any more. Messages that are under way are finished, and so is one that comes late. */
  close(): void | Promise<void>;
}

export const UNMODIFIED_STATUS = 204;
