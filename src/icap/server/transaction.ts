// A transaction that arrived over the wire. Heads are parsed only when a service looks at them: an echo
// needs none, and gets the sections back byte for byte.

import { isWeirError } from '../../errors.ts';
import type { IcapRequestHead } from '../codec/head.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../codec/http-head.ts';
import { parseRequestHead, parseResponseHead } from '../codec/http-head.ts';
import type { Sections } from '../codec/message-parser.ts';
import { serviceArguments } from '../codec/uri.ts';
import type { HeldBody } from '../../http/held-body.ts';
import type { IcapTransaction, ModMethod } from '../service.ts';
import { isOwnConnection } from '../own-connections.ts';
import type { IcapPeer } from './context.ts';

export class WireTransaction implements IcapTransaction {
  readonly method: ModMethod;
  readonly args: string;
  readonly icapHeaders: RawHeaders;
  readonly icapClient: string;
  readonly icapCertificate: string | null;
  readonly isOwn: boolean;
  icapUser: string | null = null;
  readonly sections: Sections;
  readonly body: HeldBody | null;
  #request: RequestHead | null | undefined;
  #response: ResponseHead | null | undefined;
  #controller: AbortController | null = null;
  #aborted: Error | null = null;

  constructor(head: IcapRequestHead, sections: Sections, body: HeldBody | null, peer: IcapPeer) {
    this.method = head.method as ModMethod;
    this.args = serviceArguments(head.uri);
    this.icapHeaders = head.headers;
    this.icapClient = peer.address;
    this.icapCertificate = peer.certificate;
    this.isOwn = isOwnConnection(peer.connection);
    this.sections = sections;
    this.body = body;
  }

  get request(): RequestHead | null {
    if (this.#request === undefined) {
      const section = this.sections.requestHeader;
      this.#request = section === null ? null : parseRequestHead(section);
    }
    return this.#request;
  }

  get response(): ResponseHead | null {
    if (this.#response === undefined) {
      const section = this.sections.responseHeader;
      this.#response = section === null ? null : responseOrNull(section);
    }
    return this.#response;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted !== null) this.#controller.abort(this.#aborted);
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#controller?.abort(reason);
  }
}

/** One shipped client puts a request line into res-hdr: its body is scanned all the same (C-28, V-28). */
function responseOrNull(section: Buffer): ResponseHead | null {
  try {
    return parseResponseHead(section);
  } catch (error) {
    if (isWeirError(error)) return null;
    throw error;
  }
}
