// A request that asks to leave HTTP (Upgrade), and what happens behind its 101: a WebSocket whose messages are
// inspected, or two joined sockets that nobody looks into. RFC 9110 §7.8, RFC 6455, RFC 8441.

import type { ServerExchange } from '../http/server-exchange.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { TransactionNotes } from '../trace/notes.ts';
import type { Coverage } from './adaptation/coverage.ts';
import type { OriginResponse } from './origin/engine.ts';
import type { Outgoing } from './outgoing-request.ts';
import type { ProxyContext, Session } from './session.ts';
import { joinSockets } from './socket-pair.ts';
import type { Deflate } from './websocket/extensions.ts';
import { checkAccept, WebSocketInspection } from './websocket/inspection.ts';
import { WebSocketRelay } from './websocket/relay.ts';

export class ProtocolSwitch {
  /** Value of Upgrade. */
  readonly protocol: string;
  /** Fields of the request as the origin gets them. */
  readonly headers: RawHeaders;
  /** Where messages are inspected, once that has begun. */
  relay: WebSocketRelay | null = null;
  readonly #context: ProxyContext;
  readonly #session: Session;
  readonly #exchange: ServerExchange;
  readonly #inspection: WebSocketInspection | null;
  /** The origin has switched to WebSocket. */
  #accepted: { readonly deflate: Deflate | null } | null = null;

  /** Null: the request asks for no other protocol, or for one that is not passed on. */
  static of(
    context: ProxyContext,
    session: Session,
    exchange: ServerExchange,
    outgoing: Outgoing,
  ): ProtocolSwitch | null {
    const { upgrade } = exchange.facts;
    // Never towards h2c: it would leave inspection behind.
    if (upgrade === null || outgoing.body !== null || /\bh2c\b/i.test(upgrade)) return null;
    return new ProtocolSwitch(context, session, exchange, outgoing, upgrade);
  }

  private constructor(
    context: ProxyContext,
    session: Session,
    exchange: ServerExchange,
    { head: { headers }, url, target }: Outgoing,
    upgrade: string,
  ) {
    this.#context = context;
    this.#session = session;
    this.#exchange = exchange;
    this.protocol = upgrade;
    const handshake = { url, host: target.serverName, upgrade, headers };
    const hooked = context.hooks?.has('onWebSocketMessage') ?? false;
    const { webSocket, pipeline } = context;
    this.#inspection = WebSocketInspection.of(webSocket, pipeline, session, handshake, hooked);
    this.headers = this.#inspection?.offer(headers) ?? headers;
  }

  /**
   * Judges the origin's 101.
   * @returns what is not inspected from now on; null: everything is
   * @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` where nothing may pass uninspected; `ERR_ORIGIN_RESPONSE`. The
   *   connection to the origin is closed then
   */
  judge({ head, upgraded }: OriginResponse): Coverage | null {
    try {
      if (this.#exchange.head.version === '2.0') checkAccept(this.headers, head);
      this.#accepted = this.#inspection?.accept(head) ?? null;
      return this.#accepted === null ? this.#context.pipeline.leftOut('stream', 'tunnel') : null;
    } catch (error) {
      upgraded!.socket.destroy();
      throw error;
    }
  }

  /**
   * Sends the 101. Resolves at once, or, where messages are inspected, at the end of the connection.
   * @param id  of the transaction
   */
  async join(
    { head, upgraded, serverIp }: OriginResponse,
    id: string,
    notes: TransactionNotes | null,
  ): Promise<void> {
    const { socket, rest } = upgraded!;
    this.#exchange.inform(101, head.reason, head.headers);
    const client = this.#exchange.takeOver();
    if (this.#accepted === null) return joinSockets(client.socket, client.rest, socket, rest);
    this.relay = new WebSocketRelay({
      ...{ client, origin: { socket, rest }, deflate: this.#accepted.deflate, serverIp, id, notes },
      ...{ context: this.#context, session: this.#session, inspection: this.#inspection! },
    });
    await this.relay.run();
  }
}
