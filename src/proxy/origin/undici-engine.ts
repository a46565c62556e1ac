// The second origin engine, on undici. It takes the exchanges that undici can carry without loss of
// meaning and leaves the others to a native engine of its own. What undici rewrites even so: `host` goes
// first and `content-length` last, both in lower case, and `connection: keep-alive` is added.

import type { Socket } from 'node:net';
import type { OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import { NativeEngine } from './native-engine.ts';
import { PooledEngine } from './pooled-engine.ts';
import type { ConnectionEvents, OriginConnection, PooledEngineOptions } from './pooled-engine.ts';
import { UndiciConnection } from './undici-connection.ts';

/** Undici adds a length to these when they have none, and drops a length of 0 from all others. */
const EXPECTS_PAYLOAD = new Set(['PUT', 'POST', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);

export class UndiciEngine extends PooledEngine {
  readonly name = 'undici';
  readonly #native: NativeEngine;

  constructor(options: PooledEngineOptions) {
    super(options);
    this.#native = new NativeEngine(options);
  }

  override send(request: OriginRequest): Promise<OriginResponse> {
    return isForUndici(request) ? super.send(request) : this.#native.send(request);
  }

  override close(): void {
    super.close();
    this.#native.close();
  }

  protected wrap(
    socket: Socket,
    _reader: unknown,
    target: OriginTarget,
    responseTimeoutMs: number,
    events: ConnectionEvents,
  ): OriginConnection {
    return new UndiciConnection(socket, target, responseTimeoutMs, events);
  }
}

function isForUndici({ head, body, contentLength, upgrade }: OriginRequest): boolean {
  // A switched connection's first bytes, and the trailers that a chunked body may end with.
  if (upgrade !== null || (body !== null && contentLength === null)) return false;
  if (!head.target.startsWith('/')) return false; // OPTIONS *
  const { headers } = head;
  let hasHost = false;
  let hasLength = false;
  for (let i = 0; i < headers.length; i += 2) {
    switch (headers[i]!.toLowerCase()) {
      case 'host':
        if (hasHost) return false;
        hasHost = true;
        break;
      case 'content-length':
        if (hasLength) return false;
        hasLength = true;
        break;
      case 'expect':
      case 'upgrade':
      case 'connection':
      case 'keep-alive':
      case 'transfer-encoding':
        return false;
    }
  }
  if (body === null && hasLength !== EXPECTS_PAYLOAD.has(head.method)) return false;
  return hasHost;
}
