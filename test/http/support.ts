// Helpers of the tests of src/http: a server of bare connections, and a wait for what has no event.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Body } from '../../src/http/body.ts';
import { DEFAULT_HEAD_LIMITS } from '../../src/http/message-reader.ts';
import type { ServerExchange } from '../../src/http/server-connection.ts';
import { HttpServerConnection } from '../../src/http/server-connection.ts';
import { Deadlines } from '../../src/util/deadlines.ts';

/** Resolves once `holds()` is true; for effects that offer no event. */
export async function eventually(holds: () => boolean, limitMs = 5000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** Exchanges in the order in which they came. */
  readonly exchanges: readonly ServerExchange[];
  readonly connections: readonly HttpServerConnection[];
  /** Codes of requests that could not be read. */
  readonly refused: readonly string[];
  /** Resolves with the n-th exchange (from 0) once it is there. */
  exchange(n: number): Promise<ServerExchange>;
}

/** A server of bare HttpServerConnections; `handler` answers each exchange. */
export async function startHttp(
  handler: (exchange: ServerExchange) => void,
  options: { headTimeoutMs?: number; idleTimeoutMs?: number } = {},
): Promise<HttpServer> {
  const exchanges: ServerExchange[] = [];
  const connections: HttpServerConnection[] = [];
  const refused: string[] = [];
  const deadlines = new Deadlines();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new HttpServerConnection(socket, {
      limits: DEFAULT_HEAD_LIMITS,
      headTimeoutMs: 5000,
      idleTimeoutMs: 5000,
      ...options,
      deadlines,
      onRequest(exchange) {
        exchanges.push(exchange);
        handler(exchange);
      },
      onBadRequest(error) {
        refused.push(error.code);
        const head = { version: '1.1', status: error.httpStatus, reason: 'No', headers: [] };
        return { head, body: Body.of(Buffer.from(error.code)) };
      },
    });
    connections.push(connection);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    exchanges,
    connections,
    refused,
    async exchange(n) {
      await eventually(() => exchanges.length > n);
      return exchanges[n]!;
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with a text and its length. */
export function answer(exchange: ServerExchange, text: string, status = 200): Promise<void> {
  const body = Body.of(Buffer.from(text));
  const headers = ['Content-Length', String(text.length)];
  return exchange.respond({ status, reason: 'OK', headers, body, contentLength: text.length });
}
