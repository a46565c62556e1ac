// A tunnel that somebody asks for, however that was said: by CONNECT, by SOCKS, or by a connection that was
// redirected here. What becomes of it is connect.ts.

import type { Socket } from 'node:net';
import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { readHeaderFacts } from '../http/framing.ts';
import type { HeaderFacts } from '../http/framing.ts';
import type { Answer, ServerExchange } from '../http/server-connection.ts';
import type { RequestHead } from '../icap/codec/http-head.ts';
import { formatAuthority } from '../util/authority.ts';
import { Cancellation } from '../util/cancellation.ts';

/** What was asked; a CONNECT exchange is one. */
export interface TunnelRequest {
  /** Method CONNECT, target `host:port`. */
  readonly head: RequestHead;
  readonly facts: Pick<HeaderFacts, 'endToEnd' | 'via'>;
  /** The client has gone. */
  readonly cancellation: Cancellation;
  readonly startedAt: number;
}

/** Whoever asked. Exactly one of these is called. */
export interface TunnelClient {
  readonly request: TunnelRequest;
  /** A body came with it, which has no meaning. */
  readonly hasBody: boolean;
  /** The tunnel stands. @returns its socket, paused, and bytes of it that were read already */
  accept(): { readonly socket: Socket; readonly rest: Buffer };
  /** It does not. @returns status that the client got, 0 where it got none */
  refuse(error: WeirError, answer: Answer): number;
  /** A service answers in its stead. @returns likewise */
  answer(answer: Answer): number;
}

/** A client that has sent CONNECT. */
export function connectClient(exchange: ServerExchange): TunnelClient {
  const respond = (answer: Answer): number => {
    exchange.body?.cancel();
    exchange.respond(answer).catch(() => {});
    return answer.status;
  };
  return {
    request: exchange,
    hasBody: exchange.body !== null,
    accept: () => {
      const { socket, rest } = exchange.takeOver();
      // No framing fields on a 2xx to CONNECT (RFC 9110 §9.3.6).
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n', 'latin1');
      return { socket: socket as Socket, rest }; // CONNECT is taken on HTTP/1 connections only
    },
    refuse: (_, answer) => respond(answer),
    answer: respond,
  };
}

/** How a client without HTTP is told. */
export interface QuietClient {
  grant(): void;
  deny(error: WeirError): void;
}

/** A client that cannot be shown a page. @param socket  paused */
export function quietClient(
  socket: Socket,
  { host, port }: { readonly host: string; readonly port: number },
  { grant, deny }: QuietClient,
): TunnelClient {
  const target = formatAuthority(host, port);
  const headers = ['Host', target];
  const cancellation = new Cancellation();
  const gone = (): void =>
    cancellation.cancel(new HttpError('ERR_ABORTED', 'the client closed the connection'));
  socket.once('close', gone);
  return {
    request: {
      head: { method: 'CONNECT', target, version: '1.1', headers },
      facts: readHeaderFacts(headers),
      cancellation,
      startedAt: performance.now(),
    },
    hasBody: false,
    accept: () => {
      socket.off('close', gone);
      grant();
      return { socket, rest: NOTHING };
    },
    refuse: (error, { body }) => {
      body?.cancel();
      deny(error);
      return 0;
    },
    answer: ({ body }) => {
      body?.cancel();
      deny(new HttpError('ERR_PROXY_DENIED', 'an ICAP service has answered in the place of the tunnel'));
      return 0;
    },
  };
}

const NOTHING = Buffer.alloc(0);
