// An origin that serves objects and parts of them as RFC 9110 §14 says, and counts what it was asked for.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type OriginOptions, originServer, type OriginServer } from '../../support/originServer.ts';

export interface StoredObject {
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends no Content-Length. */
  readonly chunked?: boolean;
  /** Answers only when this resolves. */
  readonly ready?: Promise<void>;
}

export interface RangedOrigin extends OriginServer {
  readonly objects: Map<string, StoredObject>;
  /** Requests for a path, as `method range status`, in order. */
  asked(path: string): readonly string[];
}

export async function rangedOrigin(options: OriginOptions = {}): Promise<RangedOrigin> {
  const objects = new Map<string, StoredObject>();
  const log: { readonly path: string; readonly line: string }[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path] = request.url!.split('?') as [string];
    const stored = objects.get(path);
    await stored?.ready;
    const status = stored === undefined ? 404 : send(stored, request, response);
    if (stored === undefined) response.writeHead(404).end('nothing here');
    log.push({ path, line: `${request.method} ${request.headers.range ?? '-'} ${status}` });
  };
  const server = await originServer((request, response) => void answer(request, response), options);
  return Object.assign(server, {
    objects,
    asked: (path: string) => log.filter((entry) => entry.path === path).map(({ line }) => line),
  });
}

function send(stored: StoredObject, request: IncomingMessage, response: ServerResponse): number {
  const { body, chunked = false } = stored;
  const headers: Record<string, string> = { 'Content-Type': 'application/octet-stream', ...stored.headers };
  const etag = headers['ETag'];
  const none = request.headers['if-none-match'];
  const since = request.headers['if-modified-since'];
  const isUnchanged =
    none === undefined
      ? since !== undefined && since === headers['Last-Modified']
      : etag !== undefined && none === etag;
  if (isUnchanged) {
    response.writeHead(304, headers).end();
    return 304;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (range === null) {
    response.writeHead(200, chunked ? headers : { ...headers, 'Content-Length': String(body.length) });
    response.end(body);
    return 200;
  }
  const first = Number(range[1]);
  const last = Math.min(range[2] === '' ? Infinity : Number(range[2]), body.length - 1);
  const part = body.subarray(first, last + 1);
  headers['Content-Range'] = `bytes ${first}-${last}/${body.length}`;
  response.writeHead(206, { ...headers, 'Content-Length': String(part.length) }).end(part);
  return 206;
}
