// Where the connections of a load run go. The address is looked up and certificates are read once, not
// for each connection.

import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { IcapError, reasonOf } from '../../errors.ts';
import type { ProbeTls } from '../probe/wire-client.ts';

export interface LoadEndpoint {
  /** Address to connect to. */
  readonly host: string;
  readonly port: number;
  /** Null for plain TCP. */
  readonly tls: EndpointTls | null;
}

interface EndpointTls {
  readonly context: SecureContext;
  /** Name that the certificate must bear. */
  readonly servername: string;
  readonly insecure: boolean;
}

/**
 * Makes an endpoint.
 *
 * @param target  `host` is the name that the certificate must bear
 * @param address  where that name leads
 * @throws {IcapError} `ERR_PROBE_TLS` when certificate or key cannot be used
 */
export function loadEndpoint(
  target: { readonly host: string; readonly port: number; readonly secure: boolean },
  address: string,
  tls: ProbeTls = {},
): LoadEndpoint {
  const { host, port, secure } = target;
  if (!secure) return { host: address, port, tls: null };
  const { ca, cert, key, insecure = false } = tls;
  try {
    const context = createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    return { host: address, port, tls: { context, servername: host, insecure } };
  } catch (cause) {
    throw new IcapError('ERR_PROBE_TLS', `certificate or key cannot be used: ${reasonOf(cause)}`, {}, cause);
  }
}

/** Begins to connect; `connect`, or with TLS `secureConnect`, tells when it is done. */
export function connectTo({ host, port, tls }: LoadEndpoint, onread: NetConnectOpts['onread']): Socket {
  const where = { host, port, ...(onread === undefined ? {} : { onread }) };
  if (tls === null) return connect({ ...where, noDelay: true });
  const { context, servername, insecure } = tls;
  const socket = connectTls({
    ...where,
    secureContext: context,
    // An address is no server name (RFC 6066 §3); then the certificate is held against `host`.
    servername: isIP(servername) === 0 ? servername : '',
    rejectUnauthorized: !insecure,
  });
  socket.setNoDelay(true);
  return socket;
}
