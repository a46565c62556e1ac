// Requests that cannot be adapted: they are answered, never passed unseen.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from '../errors.ts';

/** HTTP/2 objects look alike and are not: the request is answered here, never passed unseen. */
export function isRefused(req: IncomingMessage, res: ServerResponse): boolean {
  if (req.httpVersionMajor === 1) return false;
  const { code, remedy, httpStatus } = new HttpError('ERR_HTTP_VERSION', '');
  res.writeHead(httpStatus, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' });
  res.end(`${code}: HTTP/${req.httpVersion} messages cannot be adapted here. ${remedy}\n`);
  return true;
}
