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
import type { LeafChoice } from './certificate-policy.ts';
import type { OriginConnector } from './origin/connector.ts';
import type { OriginTarget } from './origin/engine.ts';
import type { TunnelTls } from './session.ts';
import { joinSockets } from './socket-pair.ts';
import type { TlsAction } from './tls-rules.ts';

export interface TunnelContext {
  readonly connector: OriginConnector;
  readonly deadlines: Deadlines;
  readonly handshakeTimeoutMs: number;
  /** Null: clients are not offered HTTP/2. */
  readonly http2: object | null;
  decide(host: string): TlsAction | null;
  /** What a handshake is answered with. @throws {TlsError} `ERR_TLS_NAME`, `ERR_CA_INVALID`, also by rejection */
  leafFor(asked: string, hello: ClientHello, target: OriginTarget): LeafChoice | Promise<LeafChoice>;
}

export interface TunnelEvents {
  /** Decrypted (or plain) HTTP begins on `socket`. */
  onHttp(socket: Socket, target: OriginTarget, tls: TunnelTls | null): void;
  /** The tunnel carries bytes that are not looked at. */
  onSpliced(tls: TunnelTls, originAddress: string | null): void;
  /** The tunnel is over before it carried anything. */
  onFailed(error: WeirError, tls: TunnelTls | null): void;
}

const HTTP_1 = ['http/1.1', 'http/1.0'];
const HTTP_2_OR_1 = ['h2', ...HTTP_1];
const HTTP_START = /^[A-Z]{3,16} /;
const CUT_METHOD = /^[A-Z]{1,16}$/; // the rest may be in the next packet
const HTTP_START_BYTES = 24;

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
    if (result.state === 'not-tls') {
      const start = Buffer.concat(seen).toString('latin1', 0, HTTP_START_BYTES);
      if (CUT_METHOD.test(start)) return;
      if (!HTTP_START.test(start)) {
        return fail(new TlsError('ERR_TLS_CLIENT_HELLO', 'neither TLS nor HTTP behind CONNECT'));
      }
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
  chooseLeaf(context, socket, target, tls, hello, events);
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
  context.connector.open({ secure: false, ...target, serverName: target.host }).then(
    ({ socket: origin, parent }) => {
      socket.off('error', gone);
      if (socket.destroyed) {
        origin.destroy();
        return;
      }
      events.onSpliced(tls, parent === null ? (origin.remoteAddress ?? null) : null);
      joinSockets(socket, Buffer.alloc(0), origin, Buffer.alloc(0));
    },
    (error: WeirError) => {
      socket.destroy();
      events.onFailed(error, tls);
    },
  );
}

/** Finds the leaf for the name that the client asked for; mostly at once. */
function chooseLeaf(
  context: TunnelContext,
  socket: Socket,
  { host, port }: { host: string; port: number },
  tls: TunnelTls,
  hello: ClientHello,
  events: TunnelEvents,
): void {
  // A name asked for at an address is what the origin's certificate must be valid for.
  const serverName = isIP(host) !== 0 && tls.sni !== null ? tls.sni : host;
  const target: OriginTarget = { secure: true, host, port, serverName };
  let over = false;
  const fail = (error: WeirError): void => {
    if (over) return;
    over = true;
    socket.on('error', () => {});
    socket.destroy();
    events.onFailed(error, tls);
  };
  const start = ({ context: secureContext, acceptedCertificate }: LeafChoice): void => {
    if (over) return;
    over = true;
    const chosen = acceptedCertificate === null ? target : { ...target, acceptedCertificate };
    intercept(context, socket, secureContext, chosen, tls, events);
  };
  try {
    const choice = context.leafFor(tls.sni ?? host, hello, target);
    if (!(choice instanceof Promise)) return start(choice);
    const gone = (): void => fail(handshakeError(new Error('the client closed the connection'), 'closed'));
    socket.on('error', gone);
    socket.on('close', gone);
    const stayed = (): void => void socket.off('error', gone).off('close', gone);
    void choice.finally(stayed).then(start, fail);
  } catch (error) {
    fail(error as WeirError);
  }
}

/** Answers the handshake. */
function intercept(
  context: TunnelContext,
  socket: Socket,
  secureContext: SecureContext,
  target: OriginTarget,
  tls: TunnelTls,
  events: TunnelEvents,
): void {
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext,
    ALPNProtocols: context.http2 === null ? HTTP_1 : HTTP_2_OR_1,
  });
  let settled = false;
  const fail = (error: unknown, reason?: HandshakeFailure): void => {
    if (settled) return;
    settled = true;
    context.deadlines.delete(deadline);
    secure.on('error', () => {});
    secure.destroy();
    socket.destroy();
    events.onFailed(handshakeError(error, reason), tls);
  };
  const deadline = {
    deadlineAt: performance.now() + context.handshakeTimeoutMs,
    onDeadline: () => fail(new Error('it was not completed in time'), 'timeout'),
  };
  context.deadlines.add(deadline);
  const onError = (error: Error): void => fail(error);
  secure.once('error', onError);
  const closed = (): void => fail(new Error('the client closed the connection'), 'closed');
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
    events.onHttp(secure, target, done);
  });
}

/** As metrics count them; see also connection-records.ts. */
type HandshakeFailure = 'untrusted' | 'closed' | 'timeout' | 'version' | 'cipher' | 'other';

function handshakeError(error: unknown, known?: HandshakeFailure): TlsError {
  const text = reasonOf(error);
  const code = (error as { code?: string }).code ?? '';
  const untrusted = /UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN/i.test(code);
  const hint = untrusted ? ' (the client does not trust the Weir CA)' : '';
  return new TlsError(
    'ERR_TLS_HANDSHAKE',
    `handshake with the client failed${hint}: ${text}`,
    { cause: code, reason: known ?? failureOf(code, untrusted) },
    error,
  );
}

function failureOf(code: string, untrusted: boolean): HandshakeFailure {
  if (untrusted) return 'untrusted';
  if (/^(?:ECONNRESET|EPIPE)$/.test(code)) return 'closed';
  if (/PROTOCOL|VERSION/.test(code)) return 'version';
  return /CIPHER|SIGNATURE|SIGALG|GROUP|CURVE/.test(code) ? 'cipher' : 'other';
}
