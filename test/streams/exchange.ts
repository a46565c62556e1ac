// Requests through Weir as a client that looks at what it gets: over a tunnel with the CA of the child,
// one connection a request, body by node's own parser.

import http from 'node:http';
import type { TLSSocket } from 'node:tls';
import { connectThrough } from '../support/rawClient.ts';
import { PatternCheck } from './pattern.ts';
import type { Route, WeirChild } from './weir-child.ts';

const KEPT = 32 * 1024; // bytes of an answer that are kept to be looked at

export interface ThroughRequest {
  readonly request: http.ClientRequest;
  readonly socket: TLSSocket;
  readonly response: Promise<http.IncomingMessage>;
}

/** Starts a request to `https://<route>.origin.test:<port><path>` in a tunnel. Without `body` it is complete. */
export async function requestThrough(
  weir: WeirChild,
  route: Route,
  port: number,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: http.OutgoingHttpHeaders;
    readonly body?: boolean;
  } = {},
): Promise<ThroughRequest> {
  const host = `${route}.origin.test`;
  const socket = await connectThrough(weir.port, `${host}:${port}`, { ca: weir.ca });
  const request = http.request({
    createConnection: () => socket,
    host,
    port,
    path,
    method: options.method ?? 'GET',
    headers: options.headers,
  });
  request.on('error', () => {}); // told by the promise, or by the test itself
  const response = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  response.catch(() => {}); // not every test waits for an answer
  if (options.body !== true) request.end();
  return { request, socket, response };
}

export interface Received {
  readonly status: number;
  readonly bytes: number;
  /** Null where all bytes are the pattern's. */
  readonly differsAt: number | null;
  /** False when the message broke off. */
  readonly complete: boolean;
  /** The first 32 KiB. */
  readonly start: string;
}

/** Reads an answer to its end, complete or not, and compares it with the pattern. */
export function receive(response: http.IncomingMessage): Promise<Received> {
  const check = new PatternCheck();
  let start = '';
  return new Promise((resolve) => {
    response.on('data', (chunk: Buffer) => {
      check.take(chunk);
      if (start.length < KEPT) start += chunk.toString('latin1', 0, KEPT);
    });
    response.on('error', () => {});
    response.resume(); // it may have been paused
    response.once('close', () => {
      const { bytes, differsAt } = check;
      resolve({ status: response.statusCode!, bytes, differsAt, complete: response.complete, start });
    });
  });
}

/** One GET to its end. */
export async function get(weir: WeirChild, route: Route, port: number, path: string): Promise<Received> {
  const { response, socket } = await requestThrough(weir, route, port, path);
  try {
    return await receive(await response);
  } finally {
    socket.destroy();
  }
}
