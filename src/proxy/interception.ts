// Intercepts a tunnel's TLS: finds the leaf for the name that was asked for, answers the handshake, and notes
// what the client makes of our certificate. Whether a tunnel is intercepted is tunnel.ts.

import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { LeafTls } from '../ca/leaf-cache.ts';
import type { WeirError } from '../errors.ts';
import type { ClientHello } from '../tls/client-hello.ts';
import type { LeafChoice } from './certificate-policy.ts';
import type { OriginTarget } from './origin/engine.ts';
import type { TunnelTls } from './session.ts';
import type { FailedHandshake } from './tls-policy/handshake-failure.ts';
import { certificateAlert, failedHandshake } from './tls-policy/handshake-failure.ts';
import type { SelfHealing } from './tls-policy/self-healing.ts';
import type { TlsFacts } from './tls-policy/rules.ts';
import type { TunnelContext, TunnelEvents } from './tunnel.ts';

const HTTP_1 = ['http/1.1', 'http/1.0'];
const HTTP_2_OR_1 = ['h2', ...HTTP_1];
/** A client that goes away so soon behind the handshake, without a byte, has not liked what it saw. */
const UNUSED_MS = 1_000;

/** A tunnel that is to be intercepted. */
export interface Intercepted {
  readonly context: TunnelContext;
  /** Paused, with the ClientHello in it. */
  readonly socket: Socket;
  readonly hello: ClientHello;
  readonly facts: TlsFacts;
  readonly tls: TunnelTls;
  /** A rule says that it is intercepted: the client's opinion changes nothing. */
  readonly byRule: boolean;
  readonly events: TunnelEvents;
}

/** Finds the leaf for the name that the client asked for; mostly at once. */
export function intercept(tunnel: Intercepted): void {
  const { context, socket, hello, tls, events } = tunnel;
  const { host, port } = tunnel.facts;
  // A name asked for at an address is what the origin's certificate must be valid for.
  const serverName = isIP(host) !== 0 && tls.sni !== null ? tls.sni : host;
  const target: OriginTarget = { secure: true, host, port, serverName };
  let over = false;
  const fail = (error: WeirError, failed = tls): void => {
    if (over) return;
    over = true;
    socket.on('error', () => {});
    socket.destroy();
    events.onFailed(error, failed);
  };
  const start = ({ context: leaf, acceptedCertificate }: LeafChoice): void => {
    if (over) return;
    over = true;
    const chosen = acceptedCertificate === null ? target : { ...target, acceptedCertificate };
    handshake(tunnel, leaf, chosen);
  };
  try {
    const choice = context.leafFor(tls.sni ?? host, hello, target);
    if (!(choice instanceof Promise)) return start(choice);
    const gone = (): void => {
      const { error, failure } = failedHandshake(new Error(CLOSED), hello, 'closed');
      fail(error, { ...tls, failure });
    };
    socket.on('error', gone);
    socket.on('close', gone);
    const stayed = (): void => void socket.off('error', gone).off('close', gone);
    void choice
      .finally(stayed)
      .then(start)
      .catch((error: WeirError) => fail(error));
  } catch (error) {
    fail(error as WeirError);
  }
}

const CLOSED = 'the client closed the connection';

function handshake(tunnel: Intercepted, leaf: LeafTls, target: OriginTarget): void {
  const { context, socket, hello, tls, events } = tunnel;
  const writtenBefore = socket.bytesWritten;
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: leaf(),
    ALPNProtocols: context.http2 === null ? HTTP_1 : HTTP_2_OR_1,
  });
  let settled = false;
  const fail = (thrown: unknown, known?: 'closed' | 'timeout'): void => {
    if (settled) return;
    settled = true;
    context.deadlines.delete(deadline);
    const failed = failedHandshake(thrown, hello, known);
    if (socket.bytesWritten > writtenBefore) noteRejection(tunnel, failed);
    secure.on('error', () => {});
    secure.destroy();
    socket.destroy();
    events.onFailed(failed.error, { ...tls, failure: failed.failure });
  };
  const deadline = {
    deadlineAt: performance.now() + context.handshakeTimeoutMs,
    onDeadline: () => fail(new Error('it was not completed in time'), 'timeout'),
  };
  context.deadlines.add(deadline);
  const onError = (error: Error): void => fail(error);
  secure.once('error', onError);
  const closed = (): void => fail(new Error(CLOSED), 'closed');
  secure.once('end', closed); // a FIN alone does not close a socket that may be half open
  secure.once('close', closed);
  socket.on('error', () => {});
  secure.once('secure', () => {
    settled = true;
    context.deadlines.delete(deadline);
    secure.off('error', onError);
    secure.off('end', closed);
    secure.off('close', closed);
    const done: TunnelTls = { ...tls, version: secure.getProtocol(), alpn: secure.alpnProtocol || null };
    const onUsed = context.selfHealing === null ? null : noteUse(tunnel, secure, context.selfHealing);
    events.onHttp(secure, target, done, onUsed);
  });
}

/** Our ServerHello was on its way when the client left, or said what it thinks of the certificate. */
function noteRejection({ context, facts, byRule }: Intercepted, { failure, alert }: FailedHandshake): void {
  if (failure === 'cert-rejected' || failure === 'closed' || failure === 'reset') {
    context.selfHealing?.rejected(facts, alert ?? failure, !byRule);
  }
}

/**
 * Some clients verify behind the handshake: what counts is whether the connection is used.
 * @returns to be called when it is
 */
function noteUse({ facts, byRule }: Intercepted, secure: TLSSocket, healing: SelfHealing): () => void {
  const securedAt = performance.now();
  let how: string | null = null;
  secure.once('end', () => (how ??= 'closed unused'));
  secure.once('error', (error: NodeJS.ErrnoException) => {
    how = certificateAlert(error.code ?? '') ?? (error.code === 'ECONNRESET' ? 'reset unused' : how);
  });
  const onClose = (): void => {
    const isSoon = performance.now() - securedAt < UNUSED_MS;
    if (isSoon && how !== null && secure.bytesRead === 0) healing.rejected(facts, how, !byRule);
  };
  secure.once('close', onClose);
  return () => {
    secure.off('close', onClose);
    healing.accepted(facts);
  };
}
