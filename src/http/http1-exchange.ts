// One request of an HTTP/1 connection and the way to answer it. Everything that touches the socket is the
// connection's affair: server-connection.ts.

import type { Socket } from 'node:net';
import { formatFields } from '../icap/codec/fields.ts';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import { Cancellation } from '../util/cancellation.ts';
import type { Body } from './body.ts';
import type { Framing, HeaderFacts } from './framing.ts';
import type { HttpServerConnection } from './server-connection.ts';
import type { Answer, ServerExchange } from './server-exchange.ts';

export class Http1Exchange implements ServerExchange {
  readonly head: RequestHead;
  readonly facts: HeaderFacts;
  readonly framing: Framing;
  readonly body: Body | null;
  readonly cancellation = new Cancellation();
  readonly startedAt = performance.now();
  readonly #connection: HttpServerConnection;

  constructor(
    connection: HttpServerConnection,
    head: RequestHead,
    facts: HeaderFacts,
    framing: Framing,
    body: Body | null,
  ) {
    this.#connection = connection;
    this.head = head;
    this.facts = facts;
    this.framing = framing;
    this.body = body;
  }

  get loginScope(): Socket {
    return this.#connection.socket;
  }

  demandHttp1(): void {} // it is

  inform(status: number, reason: string, headers: RawHeaders): void {
    if (this.head.version === '1.0') return;
    this.#connection.writeText(`HTTP/1.1 ${status} ${reason}\r\n${formatFields(headers)}\r\n`);
  }

  respond(answer: Answer): Promise<void> {
    return this.#connection.respond(this, answer);
  }

  takeOver(): { socket: Socket; rest: Buffer } {
    return this.#connection.takeOver();
  }
}
