// What services are shown of a WebSocket message: outgoing ones look like a POST to the WebSocket's URL,
// incoming ones like the response to a GET. What identifies the client to the origin (cookies, passwords) was
// shown with the handshake and is not repeated.

import type { RawHeaders, RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import { BINARY } from './frames.ts';
import type { DataOpcode } from './frames.ts';

export type Direction = 'outgoing' | 'incoming';

const KEPT = new Set(['host', 'origin', 'user-agent', 'referer', 'sec-websocket-protocol']);

export interface MessageHeads {
  readonly request: RequestHead;
  /** Null for outgoing messages. */
  readonly response: ResponseHead | null;
}

/** Makes the heads for the messages of one connection. */
export class MessageShape {
  readonly #url: string;
  readonly #fields: RawHeaders;
  readonly #asked: RequestHead;

  /**
   * @param url  of the WebSocket, with http or https
   * @param handshake  fields of the request that opened it
   */
  constructor(url: string, handshake: RawHeaders) {
    this.#url = url;
    const fields: RawHeaders = [];
    for (let i = 0; i < handshake.length; i += 2) {
      if (KEPT.has(handshake[i]!.toLowerCase())) fields.push(handshake[i]!, handshake[i + 1]!);
    }
    this.#fields = fields;
    this.#asked = { method: 'GET', target: url, version: '1.1', headers: fields };
  }

  /** @param length  bytes of the message; null where they are not known */
  headsOf(direction: Direction, opcode: DataOpcode, length: number | null): MessageHeads {
    const fields = [
      ...['X-WebSocket-Direction', direction, 'X-WebSocket-Opcode', nameOf(opcode)],
      ...['Content-Type', opcode === BINARY ? 'application/octet-stream' : 'text/plain;charset=utf-8'],
    ];
    if (length !== null) fields.push('Content-Length', `${length}`);
    if (direction === 'incoming') {
      return {
        request: this.#asked,
        response: { version: '1.1', status: 200, reason: 'OK', headers: fields },
      };
    }
    const headers = [...this.#fields, ...fields];
    return { request: { method: 'POST', target: this.#url, version: '1.1', headers }, response: null };
  }
}

export function nameOf(opcode: DataOpcode): 'text' | 'binary' {
  return opcode === BINARY ? 'binary' : 'text';
}
