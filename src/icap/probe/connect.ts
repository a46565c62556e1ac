// Opens the connection of a probe, TCP or a Unix socket and TLS above it, within one limit of time, and
// says in words why it could not be opened.

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { formatListen } from '../../config/addresses.ts';
import { IcapError, messageOf, reasonOf, type WeirError } from '../../errors.ts';
import type { ProbeTarget } from './target.ts';

export interface ProbeTls {
  /** PEM text of CA certificates to trust besides the system's. */
  readonly ca?: string;
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** PEM text of a client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
}

export interface OpenedSocket {
  readonly socket: Socket;
  readonly connectMs: number;
  /** Null without TLS. */
  readonly tlsMs: number | null;
}

/**
 * Connects, and shakes hands for `icaps`.
 *
 * @param timeoutMs  for both together
 * @throws {IcapError} `ERR_PROBE_CONNECT`, `ERR_PROBE_TIMEOUT`, `ERR_PROBE_TLS`
 */
export async function openSocket(
  target: ProbeTarget,
  timeoutMs: number,
  tls: ProbeTls = {},
): Promise<OpenedSocket> {
  const startedAt = performance.now();
  const { host, port, socketPath } = target;
  const plain = connectTcp({
    ...(socketPath === undefined ? { host, port } : { path: socketPath }),
    allowHalfOpen: true,
    noDelay: true,
  });
  await opened(plain, 'connect', timeoutMs, (error) => notReached(target, error));
  const connectMs = performance.now() - startedAt;
  if (!target.secure) return { socket: plain, connectMs, tlsMs: null };
  plain.on('error', () => {}); // told by the TLS socket above it
  const { ca, cert, key, insecure = false } = tls;
  let secure: Socket;
  try {
    secure = connectTls({
      socket: plain,
      rejectUnauthorized: !insecure,
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  } catch (cause) {
    plain.destroy();
    throw new IcapError('ERR_PROBE_TLS', `certificate or key cannot be used: ${reasonOf(cause)}`, {}, cause);
  }
  await opened(secure, 'secureConnect', timeoutMs - connectMs, (error) => noTls(target, error));
  return { socket: secure, connectMs, tlsMs: performance.now() - startedAt - connectMs };
}

function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
  named: (error: unknown) => WeirError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: WeirError | null): void => {
      clearTimeout(timer);
      socket.off(event, onOpen);
      socket.off('close', onClose);
      if (error === null) {
        socket.off('error', onError);
        return resolve();
      }
      socket.destroy();
      reject(error);
    };
    const onOpen = (): void => settle(null);
    const onError = (error: Error): void => settle(named(error));
    const onClose = (): void => settle(named(new Error('the server closed the connection')));
    const timer = setTimeout(
      () => {
        const what = event === 'connect' ? 'the connection' : 'the TLS handshake (is it a TLS port?)';
        settle(new IcapError('ERR_PROBE_TIMEOUT', `${what} was not complete in time`));
      },
      Math.max(1, timeoutMs),
    );
    socket.once(event, onOpen);
    socket.on('error', onError);
    socket.once('close', onClose);
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'the name does not exist',
  EAI_AGAIN: 'the name cannot be resolved now',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ETIMEDOUT: 'the host does not answer',
  ENOENT: 'the socket does not exist',
};

function notReached({ socketPath, ...target }: ProbeTarget, error: unknown): WeirError {
  const code = (error as { code?: string }).code ?? '';
  const where = socketPath ?? formatListen(target);
  const text = `cannot connect to ${where}: ${REASONS[code] ?? (messageOf(error) || code)}`;
  return new IcapError('ERR_PROBE_CONNECT', text, { host: target.host, port: target.port }, error);
}

function noTls({ host, port }: ProbeTarget, error: unknown): WeirError {
  const reason = reasonOf(error);
  const { code = '' } = error as { code?: string };
  const what = /wrong version number|packet length too long|unknown protocol|http request/i.test(reason)
    ? 'the port does not speak TLS: use icap:// instead of icaps://'
    : /CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO_VERIFY/.test(code)
      ? `the certificate cannot be verified: ${reason}`
      : `the TLS handshake failed: ${reason}`;
  return new IcapError('ERR_PROBE_TLS', `${formatListen({ host, port })}: ${what}`, { host, port }, error);
}
