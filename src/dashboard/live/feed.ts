// GET /api/live: who may watch is let in, everybody else gets an answer and is closed. What is sent then is
// viewer.ts. RFC 6455 §4.2.

import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Guard } from '../guard.ts';
import type { ApiReply } from '../reply.ts';
import { NOT_FOUND, refused } from '../reply.ts';
import type { Activity } from './activity.ts';

export const LIVE_PATH = '/api/live';
const MAX_MESSAGE = 16 * 1024; // bytes from a viewer

export class LiveFeed {
  readonly #guard: Guard;
  readonly #activity: Activity;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    clientTracking: false,
  });

  constructor(guard: Guard, activity: Activity) {
    this.#guard = guard;
    this.#activity = activity;
  }

  /** Takes over the socket of a request with Upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = this.#refusal(request);
    if (refusal !== null) return refuse(socket, refusal);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#activity.watch(webSocket));
  }

  #refusal(request: IncomingMessage): ApiReply | null {
    if (request.url?.split('?', 1)[0] !== LIVE_PATH) return NOT_FOUND;
    const refusal = this.#guard.refusalOfUpgrade(request);
    if (refusal !== null) return refusal;
    return this.#activity.isFull ? refused(503, 'too many viewers', { hint: 'close a window' }) : null;
  }
}

function refuse(socket: Duplex, { status, body, headers = {} }: ApiReply): void {
  const text = `${JSON.stringify(body)}\n`;
  const fields = { 'Content-Type': 'application/json', 'Content-Length': String(text.length), ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const start = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  socket.end(`${start}${lines.join('')}Connection: close\r\n\r\n${text}`);
}
