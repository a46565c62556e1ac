// HTTP parents: a tunnel by CONNECT, and what plain requests look like on their way through one.
// RFC 9110 §9.3.6, RFC 9112 §3.2.2.

import type { Socket } from 'node:net';
import { formatFields } from '../../icap/codec/fields.ts';
import type { RawHeaders, RequestHead } from '../../icap/codec/http-head.ts';
import { formatAuthority } from '../../util/authority.ts';
import type { OriginTarget } from './engine.ts';
import { asParentError, asRefusal } from './parent-errors.ts';
import { readReply } from './parent-reply.ts';
import type { Parent } from './parents.ts';
import type { Settle } from './time-limit.ts';

interface Reply {
  readonly status: number;
  readonly reason: string;
}

/**
 * Opens a tunnel on a connection to the parent.
 *
 * @param viaName  this proxy in Via, so that a circle of parents is noticed; null: none
 * @returns stops it
 * @throws {HttpError} by `settle`: `ERR_PARENT_AUTH` (407), `…_REFUSED` (other 4xx), `…_STATUS` (5xx),
 *         `…_UNAVAILABLE` (closed, or no HTTP)
 */
export function openHttpTunnel(
  socket: Socket,
  parent: Parent,
  target: OriginTarget,
  viaName: string | null,
  settle: Settle<void>,
): () => void {
  const authority = formatAuthority(target.host, target.port);
  const fields = ['Host', authority, ...authorizationOf(parent)];
  if (viaName !== null) fields.push('Via', `1.1 ${viaName}`);
  const stop = readReply<Reply>(socket, parseReply, {
    onReply: ({ status, reason }) => {
      if (status < 300) settle.resolve();
      else settle.reject(asRefusal(status, reason, parent, target));
    },
    onFailed: (error) => settle.reject(asParentError(error, parent, target)),
  });
  socket.write(`CONNECT ${authority} HTTP/1.1\r\n${formatFields(fields)}\r\n`, 'latin1');
  return stop;
}

/**
 * A request as an HTTP parent wants it: target in absolute form, logged in.
 * @param head  with the target in origin form, or `*`
 */
export function headForParent(head: RequestHead, target: OriginTarget, parent: Parent): RequestHead {
  const place = `http://${formatAuthority(target.host, target.port, 80)}`;
  return {
    ...head,
    target: head.target === '*' ? place : place + head.target,
    headers: [...head.headers, ...authorizationOf(parent)],
  };
}

function authorizationOf({ authorization }: Parent): RawHeaders {
  return authorization === null ? [] : ['Proxy-Authorization', authorization];
}

/** The head of the final answer; interim ones are skipped. A body behind a refusal is not of interest. */
function parseReply(bytes: Buffer): { reply: Reply; length: number } | null {
  for (let start = 0; ;) {
    const end = bytes.indexOf('\r\n\r\n', start);
    const line = bytes.toString('latin1', start, Math.min(end < 0 ? bytes.length : end, start + 512));
    if (end < 0 && line.length < 5) return null;
    if (!line.startsWith('HTTP/')) throw new Error('it does not speak HTTP');
    if (end < 0) return null;
    const [, status, reason = ''] = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?(?:\r\n|$)/.exec(line) ?? [];
    if (status === undefined) throw new Error('its status line is malformed');
    start = end + 4;
    if (Number(status) >= 200) return { reply: { status: Number(status), reason }, length: start };
    if (status === '101') throw new Error('it switches protocols in answer to CONNECT');
  }
}
