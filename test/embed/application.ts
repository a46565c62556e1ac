// One application on node's own objects, for every way of putting ICAP in front of it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { eicar } from '../support/eicar.ts';

/** What the plugin's rules for tests know, wherever it stands. */
const MARKER = ['weir-test-malware:9c4e7a1f63b2d8', '504be19fa7c25d3086'].join('');

/** What it was asked, so that tests see what got through. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: number;
}

export interface Application {
  readonly seen: Seen[];
  readonly handle: (req: IncomingMessage, res: ServerResponse) => void;
}

/** Upload at `/upload`; downloads at `/bytes/SIZE`, `/eicar` and others, see below. */
export function application(): Application {
  const seen: Seen[] = [];
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    const hash = createHash('sha256');
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      hash.update(chunk);
    });
    req.on('error', () => {});
    req.on('end', () => {
      const { method = '', url = '', headers } = req;
      seen.push({ method, url, headers, bytes });
      answer(url, res, { bytes, sha256: hash.digest('hex') }, headers.range);
    });
  };
  return { seen, handle };
}

function answer(url: string, res: ServerResponse, upload: object, range?: string): void {
  const { pathname } = new URL(url, 'http://application');
  const size = /^\/bytes\/(\d+)$/.exec(pathname);
  if (size !== null) return download(Number(size[1]), res);
  switch (pathname) {
    case '/upload':
      res.writeHead(200, { 'content-type': 'application/json' });
      return void res.end(JSON.stringify(upload));
    case '/eicar':
      res.setHeader('Content-Type', 'application/octet-stream');
      return void res.end(eicar());
    case '/eicar-in-chunks':
      res.write(eicar().subarray(0, 30));
      setImmediate(() => res.end(eicar().subarray(30)));
      return;
    case '/letters':
      return inParts(Buffer.from('abcdefghijklmnopqrstuvwxyz'), range, res);
    case '/unasked-part':
      return inParts(Buffer.from('abcdef'), 'bytes=0-2', res);
    case '/eicar-in-parts':
      return inParts(eicar(), range, res);
    case '/events':
      res.setHeader('Content-Type', 'text/event-stream');
      return void res.write('data: 1\n\n'); // and no end
    case '/events-with-threat':
      res.setHeader('Content-Type', 'text/event-stream');
      res.write('data: 1\n\n');
      setTimeout(() => res.write(`data: ${MARKER}\n\n`), 30);
      return;
    case '/empty':
      return void res.writeHead(200, { 'Content-Length': 0 }).end();
    case '/nothing':
      return void res.writeHead(204, 'Nothing Here').end();
    case '/unchanged':
      return void res.writeHead(304, { ETag: '"1"' }).end();
    case '/fields':
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      res.setHeader('X-Mixed-Case', 'kept');
      return void res.writeHead(201, 'Made', { 'X-From-Head': 'yes' }).end('made');
    case '/broken':
      res.writeHead(200, { 'Content-Length': 1000 });
      res.write('half of it');
      return void setTimeout(() => res.destroy(), 20);
    default:
      return void res.writeHead(404).end('not here');
  }
}

/** As file servers do: the part that is asked for, if any. */
function inParts(content: Buffer, range: string | undefined, res: ServerResponse): void {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  const part = first === undefined ? content : content.subarray(Number(first), Number(last) + 1);
  if (first !== undefined) {
    res.statusCode = 206;
    res.setHeader('Content-Range', `bytes ${first}-${last}/${content.length}`);
  }
  res.setHeader('Content-Type', 'text/plain');
  res.setHeader('ETag', '"v1"');
  res.setHeader('Content-Length', part.length);
  res.end(part);
}

/** Slowly enough to need backpressure: a stream of 64 KiB pieces, each with its number. */
function download(size: number, res: ServerResponse): void {
  res.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': size });
  Readable.from(pieces(size)).pipe(res);
}

function* pieces(size: number): Generator<Buffer> {
  for (let at = 0; at < size; at += 65_536) yield Buffer.alloc(Math.min(65_536, size - at), at / 65_536);
}

/** What `/bytes/SIZE` delivers. */
export const downloadOf = (size: number): Buffer => Buffer.concat([...pieces(size)]);
