// What happens behind CONNECT: answer it, look at the first bytes, then intercept, splice or refuse.
// Certificates are src/ca, rules tls-rules.ts; HTTP inside goes back to the proxy's HTTP side.

import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import { TLSSocket } from 'node:tls';
import { HttpError, TlsError, reasonOf } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { ClientHello } from '../tls/client-hello.ts';
import { ClientHelloReader } from '../tls/client-hello.ts';
import type { Deadlines } from '../util/deadlines.ts';
import type { OriginConnector } from './origin/connector.ts';
import type { OriginTarget } from './origin/engine.ts';
import type { TunnelTls } from './session.ts';
import { joinSockets } from './socket-pair.ts';
import type { TlsAction } from './tls-rules.ts';

export interface TunnelContext {
  readonly connector: OriginConnector;
  readonly deadlines: Deadlines;
  readonly handshakeTimeoutMs: number;
  decide(host: string): TlsAction | null;
  contextFor(name: string): SecureContext;
}

export interface TunnelEvents {
  /** Decrypted (or plain) HTTP begins on `socket`. */
  onHttp(socket: Socket, target: OriginTarget, tls: TunnelTls | null): void;
  /** The tunnel carries bytes that are not looked at. */
  onSpliced(tls: TunnelTls, originAddress: string | null): void;
  /** The tunnel is over before it carried anything. */
  onFailed(error: WeirError, tls: TunnelTls | null): void;
}

const HTTP_START = /^[A-Z]{3,16} /;

/**
 * Takes over a client's connection after CONNECT was accepted and answered.
 *
 * @param socket  paused
 * @param rest  bytes read past the CONNECT request
 */
export function openTunnel(
  context: TunnelContext,
  socket: Socket,
  rest: Buffer,
  target: { host: string; port: number },
  events: TunnelEvents,
): void {
  const reader = new ClientHelloReader();
  const seen: Buffer[] = [];
  const stop = (): void => {
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('error', onEnd);
    socket.off('close', onEnd);
    context.deadlines.delete(deadline);
    socket.pause();
  };
  const fail = (error: WeirError): void => {
    stop();
    socket.on('error', () => {});
    socket.destroy();
    events.onFailed(error, null);
  };
  const deadline = {
    deadlineAt: performance.now() + context.handshakeTimeoutMs,
    onDeadline: () => fail(new TlsError('ERR_TLS_CLIENT_HELLO', 'the client sent no ClientHello in time')),
  };
  const onEnd = (): void =>
    fail(new TlsError('ERR_TLS_CLIENT_HELLO', 'the client closed the tunnel before a ClientHello'));
  const onData = (chunk: Buffer): void => {
    seen.push(chunk);
    const result = reader.push(chunk);
    if (result.state === 'need-more') return;
    if (result.state === 'invalid')
      return fail(new TlsError('ERR_TLS_CLIENT_HELLO', `broken ClientHello: ${result.reason}`));
    if (result.state === 'not-tls' && !HTTP_START.test(result.firstBytes.toString('latin1'))) {
      return fail(new TlsError('ERR_TLS_CLIENT_HELLO', 'neither TLS nor HTTP behind CONNECT'));
    }
    stop();
    socket.unshift(seen.length === 1 ? seen[0]! : Buffer.concat(seen));
    if (result.state === 'hello') return onHello(context, socket, target, result.hello, events);
    events.onHttp(socket, { secure: false, ...target, serverName: target.host }, null);
    socket.resume();
  };
  context.deadlines.add(deadline);
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('error', onEnd);
  socket.on('close', onEnd);
  if (rest.length > 0) onData(rest);
  if (!socket.destroyed && socket.listenerCount('data') > 0) socket.resume();
}

function onHello(
  context: TunnelContext,
  socket: Socket,
  target: { host: string; port: number },
  hello: ClientHello,
  events: TunnelEvents,
): void {
  const sni = hello.serverName;
  const action =
    (sni === null || sni === target.host ? null : context.decide(sni)) ??
    context.decide(target.host) ??
    'bump';
  const tls: TunnelTls = { version: null, sni, alpn: null, action };
  if (action === 'terminate') {
    socket.on('error', () => {});
    socket.destroy();
    return events.onFailed(
      new HttpError('ERR_PROXY_DENIED', `proxy.tls.rules terminate ${sni ?? target.host}`),
      tls,
    );
  }
  if (action === 'splice') return splice(context, socket, target, tls, events);
  intercept(context, socket, target, tls, events);
}

/** Passes the client's TLS through to the origin, untouched. */
function splice(
  context: TunnelContext,
  socket: Socket,
  target: { host: string; port: number },
  tls: TunnelTls,
  events: TunnelEvents,
): void {
  const gone = (): void => void socket.destroy();
  socket.on('error', gone);
  context.connector.connect({ secure: false, ...target, serverName: target.host }).then(
    (origin) => {
      socket.off('error', gone);
      if (socket.destroyed) {
        origin.destroy();
        return;
      }
      events.onSpliced(tls, origin.remoteAddress ?? null);
      joinSockets(socket, Buffer.alloc(0), origin, Buffer.alloc(0));
    },
    (error: WeirError) => {
      socket.destroy();
      events.onFailed(error, tls);
    },
  );
}

/** Answers the handshake with a leaf for the name that the client asked for. */
function intercept(
  context: TunnelContext,
  socket: Socket,
  target: { host: string; port: number },
  tls: TunnelTls,
  events: TunnelEvents,
): void {
  let secureContext: SecureContext;
  try {
    secureContext = context.contextFor(tls.sni ?? target.host);
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    return events.onFailed(error as WeirError, tls);
  }
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext,
    ALPNProtocols: ['http/1.1', 'http/1.0'],
  });
  let settled = false;
  const fail = (error: unknown): void => {
    if (settled) return;
    settled = true;
    context.deadlines.delete(deadline);
    secure.on('error', () => {});
    secure.destroy();
    socket.destroy();
    events.onFailed(handshakeError(error), tls);
  };
  const deadline = {
    deadlineAt: performance.now() + context.handshakeTimeoutMs,
    onDeadline: () => fail(new Error('it was not completed in time')),
  };
  context.deadlines.add(deadline);
  secure.once('error', fail);
  const closed = (): void => fail(new Error('the client closed the connection'));
  secure.once('end', closed); // a FIN alone does not close a socket that may be half open
  secure.once('close', closed);
  socket.on('error', () => {});
  secure.once('secure', () => {
    settled = true;
    context.deadlines.delete(deadline);
    secure.off('error', fail);
    secure.off('end', closed);
    secure.off('close', closed);
    const done: TunnelTls = { ...tls, version: secure.getProtocol(), alpn: secure.alpnProtocol || null };
    // A name asked for at an address is what the origin's certificate must be valid for.
    const serverName = isIP(target.host) !== 0 && tls.sni !== null ? tls.sni : target.host;
    events.onHttp(secure, { secure: true, ...target, serverName }, done);
  });
}

function handshakeError(error: unknown): TlsError {
  const text = reasonOf(error);
  const code = (error as { code?: string }).code ?? '';
  const untrusted = /UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN/i.test(code);
  const hint = untrusted ? ' (the client does not trust the Weir CA)' : '';
  return new TlsError(
    'ERR_TLS_HANDSHAKE',
    `handshake with the client failed${hint}: ${text}`,
    { cause: code },
    error,
  );
}
