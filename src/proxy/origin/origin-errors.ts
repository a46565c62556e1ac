// What went wrong on the way to an origin, as errors that say what failed and what to do. Failures of a
// parent proxy are parent-errors.ts.

import type { TLSSocket } from 'node:tls';
import { HttpError, reasonOf } from '../../errors.ts';
import type { OriginTarget } from './engine.ts';

const DNS_CODES = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'ESERVFAIL',
  'ETIMEOUT',
]);
const TIMEOUT_CODES = new Set(['ETIMEDOUT', 'ERR_SOCKET_CONNECTION_TIMEOUT']);
const CERTIFICATE =
  /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|CRL|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|HOSTNAME_MISMATCH/;
/** Alerts that an origin sends about our certificate, or about its absence (RFC 8446 §6.2). */
const CLIENT_CERTIFICATE =
  /_ALERT_(?:CERTIFICATE_\w+|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/;

/** A socket's error as an error that says what failed and what to do. */
export function asOriginError(error: NodeJS.ErrnoException, target: OriginTarget): HttpError {
  const { host, port } = target;
  const code = error.code ?? '';
  const fields = { host, port, cause: code };
  // Node joins the failures of several addresses; the first one tells enough.
  const text = reasonOf((error as { errors?: Error[] }).errors?.[0] ?? error);
  if (DNS_CODES.has(code)) return unresolved(target, error);
  if (TIMEOUT_CODES.has(code))
    return new HttpError('ERR_ORIGIN_TIMEOUT', `${host}:${port} does not answer`, fields, error);
  if (CLIENT_CERTIFICATE.test(code)) return certificateDemanded(target, error);
  if (CERTIFICATE.test(code) && !code.startsWith('ERR_SSL')) {
    return new HttpError(
      'ERR_ORIGIN_UNTRUSTED',
      `the certificate of ${host} is not trusted: ${text}`,
      fields,
      error,
    );
  }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO' || code.startsWith('ERR_TLS')) {
    return new HttpError('ERR_ORIGIN_TLS', `TLS with ${host}:${port} failed: ${text}`, fields, error);
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new HttpError('ERR_ORIGIN_CLOSED', `${host}:${port} closed the connection`, fields, error);
  }
  return new HttpError('ERR_ORIGIN_UNREACHABLE', `cannot connect to ${host}:${port}: ${text}`, fields, error);
}

/** An error of the handshake, as {@link asOriginError}, and what only the state of the handshake tells. */
export function asHandshakeError(
  error: NodeJS.ErrnoException,
  target: OriginTarget,
  socket: TLSSocket,
): HttpError {
  // Until TLS 1.2 a missing certificate is a failure like that of an algorithm, but only that one comes after
  // the origin has shown its own.
  const isRefusal = error.code?.endsWith('_ALERT_HANDSHAKE_FAILURE') === true; // OpenSSL has named it anew
  if (isRefusal && socket.getPeerX509Certificate() !== undefined) return certificateDemanded(target, error);
  return asOriginError(error, target);
}

/** The connection ended before the response did: it must never pass for a complete one (C-39). */
export function closedEarly(target: OriginTarget): HttpError {
  const { host, port } = target;
  return new HttpError(
    'ERR_ORIGIN_CLOSED',
    `${host}:${port} closed the connection before the response was complete`,
    { host, port },
  );
}

/** The origin wants to know who we are, and what it got does not satisfy it. */
export function certificateDemanded(target: OriginTarget, error: NodeJS.ErrnoException): HttpError {
  const { host, port, serverName } = target;
  return new HttpError(
    'ERR_ORIGIN_CLIENT_CERT',
    `${serverName} asks for a client certificate and accepts none of ours: ${reasonOf(error)}`,
    { host, port, cause: error.code },
    error,
  );
}

/** The name has no address, or nobody could say. */
export function unresolved({ host, port }: OriginTarget, error: NodeJS.ErrnoException): HttpError {
  const cause = error.code ?? '';
  return new HttpError(
    'ERR_ORIGIN_DNS',
    `the name ${host} cannot be resolved (${cause})`,
    { host, port, cause },
    error,
  );
}
