// Connections that were redirected here and whose clients know of no proxy: where they wanted to go is read
// from the server name of TLS or from Host. What a client says decides where it is taken, never an address
// that it was made to connect to; targets are judged as for every other client. RFC 9112 §3.3; RFC 6066 §3.

import { HttpError, printable } from '../../errors.ts';
import type { RequestHead } from '../../icap/codec/http-head.ts';
import { ClientHelloReader } from '../../tls/client-hello.ts';
import { formatAuthority, parseAuthority } from '../../util/authority.ts';
import type { Arriving } from './arriving.ts';

/** Where a client had connected to, as a balancer says. */
export type Destination = Arriving['destination'];

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
const TLS_RECORD = 0x16;

export interface TransparentEvents {
  /** A ClientHello has come, and is still to be read. */
  onTls(target: { host: string; port: number }): void;
  /** Something else has come, likewise. */
  onHttp(): void;
}

/**
 * Looks at the first bytes of a connection.
 * @param isOwn  the connection was made by this process: it would go round for ever
 */
export function lookAtFirstBytes(arriving: Arriving, isOwn: () => boolean, events: TransparentEvents): void {
  const reader = new ClientHelloReader();
  let fed = 0;
  arriving.read(
    arriving.socket,
    (seen) => {
      if (fed === 0 && isOwn()) {
        const what = 'a connection of Weir itself was redirected to it: exempt its user in the packet filter';
        throw new HttpError('ERR_PROXY_LOOP', what);
      }
      if (seen[0] !== TLS_RECORD) return { used: 0, then: () => events.onHttp() };
      const result = reader.push(seen.subarray(fed));
      fed = seen.length;
      if (result.state === 'need-more') return null;
      if (result.state === 'invalid') {
        throw new HttpError('ERR_PROXY_TRANSPARENT', `broken ClientHello: ${result.reason}`);
      }
      const name = result.state === 'hello' ? result.hello.serverName : null;
      const target = tlsTarget(name, arriving.destination);
      return { used: 0, then: () => events.onTls(target) };
    },
    () => new HttpError('ERR_PROXY_TRANSPARENT', 'the client closed within its ClientHello'),
  );
}

/** @throws {HttpError} `ERR_PROXY_TRANSPARENT` */
function tlsTarget(name: string | null, destination: Destination): { host: string; port: number } {
  const host = name ?? destination?.address;
  if (host === undefined) {
    throw new HttpError('ERR_PROXY_TRANSPARENT', 'the ClientHello names no server, and no balancer does');
  }
  return { host, port: destination?.port ?? HTTPS_PORT };
}

/**
 * Makes of a request to an origin the one that a client of a proxy would have sent.
 * @throws {HttpError} `ERR_PROXY_TRANSPARENT`: there is no Host; `ERR_HTTP_HOST`, `ERR_HTTP_TARGET`
 */
export function toAbsoluteForm(head: RequestHead, host: string | null, destination: Destination): void {
  if (head.method === 'CONNECT') {
    throw new HttpError('ERR_HTTP_TARGET', 'CONNECT is not taken where connections are redirected');
  }
  const { target } = head;
  if (!target.startsWith('/') && target !== '*') return; // an origin has to take the absolute form as well
  const port = destination?.port ?? HTTP_PORT;
  if (host === null && destination === null) {
    throw new HttpError('ERR_PROXY_TRANSPARENT', 'the request has no Host field');
  }
  const named = host === null ? { host: destination!.address, port } : parseAuthority(host, port);
  if (named === null) throw new HttpError('ERR_HTTP_HOST', `not a host: "${printable(host!)}"`);
  const authority = formatAuthority(named.host, named.port, HTTP_PORT);
  head.target = `http://${authority}${target === '*' ? '' : target}`;
}
