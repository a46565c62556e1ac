// What the end-to-end tables share: origins that answer by path over http and https, what they saw of
// uploads, and raw requests through the proxy.

import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { deflateSync, gzipSync } from 'node:zlib';
import { eicar, eicarZip } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { connectThrough, rawClient, rawClientOn, type RawClient } from '../support/rawClient.ts';
import type { TestWeir } from '../support/weir.ts';

export const SCHEMES = ['http', 'https'] as const;
export type Scheme = (typeof SCHEMES)[number];

export const MIB = 2 ** 20;
export const MEGABYTE = randomBytes(MIB);
export const TWENTY_MEGABYTES = randomBytes(20 * MIB);
export const CLEAN_TEXT = 'nothing of interest, many times over. '.repeat(200);

export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Responses that are sent as they stand, byte for byte, after which the origin closes. */
export const RAW_PAGES: Readonly<Record<string, string>> = {
  '/odd-head':
    'HTTP/1.1 203 Non Authoritative, Really\r\ndATE: Sun, 22 Nov 2026 10:00:00 GMT\r\n' +
    'X-Two: first\r\nSet-Cookie: a=1; Path=/\r\nx-two: second\r\nSet-Cookie: b=2\r\nX-Empty: \r\n' +
    'X-Latin: caf\xe9\r\ncontent-type: text/plain; charset=x\r\nKeep-Alive: timeout=5\r\n' +
    'Connection: X-Hop, keep-alive\r\nX-Hop: of this hop\r\nContent-Length: 12\r\n\r\nhello world!',
  '/trailers':
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n' +
    '5\r\nhello\r\n7;ext=1\r\n world!\r\n0\r\nX-Sum: 12 bytes\r\nx-sum: twice\r\n\r\n',
  '/until-close':
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nuntil the connection ends',
  '/head': 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1234\r\n\r\n',
  '/304': 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 1234\r\n\r\n',
  '/204': 'HTTP/1.1 204 No Content\r\nX-Kept: yes\r\n\r\n',
  '/empty': 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n',
};

type Page = { readonly body: Buffer; readonly headers?: Readonly<Record<string, string>> };

const PAGES: Readonly<Record<string, Page>> = {
  '/clean': { body: Buffer.from(CLEAN_TEXT) },
  '/1m': { body: MEGABYTE },
  '/20m': { body: TWENTY_MEGABYTES },
  '/gzip': { body: gzipSync(CLEAN_TEXT), headers: { 'Content-Encoding': 'gzip' } },
  '/eicar': { body: eicar() },
  '/eicar-gzip': { body: gzipSync(eicar()), headers: { 'Content-Encoding': 'gzip' } },
  '/eicar-deflate': { body: deflateSync(eicar()), headers: { 'Content-Encoding': 'deflate' } },
  '/eicar.zip': { body: eicarZip('docs/eicar.com'), headers: { 'Content-Type': 'application/zip' } },
};

export interface Upload {
  readonly method: string;
  readonly path: string;
  readonly sha256: string;
  readonly headers: readonly string[];
}

export interface Origins extends AsyncDisposable {
  /** Bodies that arrived whole, in order. */
  readonly uploads: readonly Upload[];
  url(scheme: Scheme, path: string): string;
  port(scheme: Scheme): number;
  /** Requests that came, whole or not, for paths that begin so. */
  seen(path: string): number;
}

/** An http and an https origin with the pages above; `/upload…` answers the sha256 of what came. */
export async function startOrigins(): Promise<Origins> {
  const uploads: Upload[] = [];
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url!.split('?', 1)[0]!;
    const raw = RAW_PAGES[path];
    if (raw !== undefined) return void request.socket.end(Buffer.from(raw, 'latin1'));
    if (path.startsWith('/upload')) return takeUpload(request, response, uploads);
    if (path === '/chunked') {
      for (let at = 0; at < MIB; at += 50_000) response.write(MEGABYTE.subarray(at, at + 50_000));
      return void response.end();
    }
    if (path === '/paced') return void sendPaced(response);
    const page = PAGES[path];
    if (page === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'Content-Length': page.body.length, ...page.headers });
    response.end(page.body);
  };
  const plain = await originServer(handler);
  const secure = await originServer(handler, { tls: true });
  const of = (scheme: Scheme): OriginServer => (scheme === 'https' ? secure : plain);
  return {
    uploads,
    port: (scheme) => of(scheme).port,
    url: (scheme, path) => `${scheme}://origin.test:${of(scheme).port}${path}`,
    seen: (path) => [...plain.requests, ...secure.requests].filter(({ url }) => url!.startsWith(path)).length,
    async [Symbol.asyncDispose]() {
      await plain.close();
      await secure.close();
    },
  };
}

/** The megabyte in small pieces, no faster than this process gets round to other things. */
async function sendPaced(response: ServerResponse): Promise<void> {
  for (let at = 0; at < MIB; at += 8192) {
    response.write(MEGABYTE.subarray(at, at + 8192));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  response.end();
}

function takeUpload(request: IncomingMessage, response: ServerResponse, uploads: Upload[]): void {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  request.on('end', () => {
    const digest = hash.digest('hex');
    const { method = '', url = '', rawHeaders } = request;
    uploads.push({ method, path: url, sha256: digest, headers: rawHeaders });
    response.end(digest);
  });
}

/** A raw connection on which requests for the origin can be sent: a tunnel's inside, or the proxy's own. */
export async function rawThrough(weir: TestWeir, scheme: Scheme, port: number): Promise<RawClient> {
  if (scheme === 'http') return rawClient(weir.proxyPort);
  return rawClientOn(await connectThrough(weir.proxyPort, `origin.test:${port}`, { ca: weir.ca }));
}

/** Sends one request and resolves with the answer's exact bytes; the proxy closes behind it. */
export async function rawRequest(
  weir: TestWeir,
  origins: Origins,
  scheme: Scheme,
  method: string,
  path: string,
): Promise<Buffer> {
  const port = origins.port(scheme);
  await using client = await rawThrough(weir, scheme, port);
  const target = scheme === 'http' ? origins.url('http', path) : path;
  client.send(`${method} ${target} HTTP/1.1\r\nHost: origin.test:${port}\r\nConnection: close\r\n\r\n`);
  return await client.closed();
}
