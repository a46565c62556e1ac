// What happens behind CONNECT: look at the first bytes, then intercept, splice or refuse. What the rules say
// is tls-policy/, interception is interception.ts; HTTP inside goes back to the proxy's HTTP side.

import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { HttpError, TlsError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { ClientHello, ClientHelloResult } from '../tls/client-hello.ts';
import { ClientHelloReader } from '../tls/client-hello.ts';
import type { Deadlines } from '../util/deadlines.ts';
import type { LeafChoice } from './certificate-policy.ts';
import { intercept } from './interception.ts';
import type { OriginConnector } from './origin/connector.ts';
import type { OriginTarget } from './origin/engine.ts';
import { PassThroughReader } from './origin/pass-through-reader.ts';
import type { TunnelTls } from './session.ts';
import { joinSockets } from './socket-pair.ts';
import type { NonTls } from './tls-policy/non-tls.ts';
import { judgeNonTls } from './tls-policy/non-tls.ts';
import type { TlsDecision, TlsFacts } from './tls-policy/rules.ts';
import type { SelfHealing } from './tls-policy/self-healing.ts';
import { reasonFor } from './tls-policy/self-healing.ts';

export interface TunnelContext {
  readonly connector: OriginConnector;
  readonly deadlines: Deadlines;
  readonly handshakeTimeoutMs: number;
  /** Null: clients are not offered HTTP/2. */
  readonly http2: object | null;
  /** What is done with what is no TLS. */
  readonly nonTls: NonTls;
  /** Null: what clients make of our certificates is not noted. */
  readonly selfHealing: SelfHealing | null;
  decide(facts: TlsFacts): TlsDecision | null;
  /** True for the proxy's own host. */
  servesItself(host: string): boolean;
  /** @throws {HttpError} `ERR_PROXY_SELF`, `ERR_PROXY_DENIED` */
  checkTarget(host: string, port: number): void;
  /** What a handshake is answered with. @throws {TlsError} `ERR_TLS_NAME`, `ERR_CA_INVALID`, also by rejection */
  leafFor(asked: string, hello: ClientHello, target: OriginTarget): LeafChoice | Promise<LeafChoice>;
}

export interface TunnelEvents {
  /** Decrypted (or plain) HTTP begins on `socket`. @param onUsed  to be told of the first request */
  onHttp(socket: Socket, target: OriginTarget, tls: TunnelTls | null, onUsed: (() => void) | null): void;
  /** The tunnel carries bytes that are not looked at; `tls` is null where they are no TLS. */
  onSpliced(tls: TunnelTls | null, originAddress: string | null): void;
  /** The tunnel is over before it carried anything. */
  onFailed(error: WeirError, tls: TunnelTls | null): void;
}

/**
 * Takes over a client's connection after CONNECT was accepted and answered.
 *
 * @param socket  paused
 * @param rest  bytes read past the CONNECT request
 * @param facts  who asked, and where the tunnel leads
 */
export function openTunnel(
  context: TunnelContext,
  socket: Socket,
  rest: Buffer,
  facts: TlsFacts,
  events: TunnelEvents,
): void {
  const reader = new ClientHelloReader();
  const { host, port } = facts;
  const seen: Buffer[] = [];
  let result: ClientHelloResult = { state: 'need-more' };
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
    onDeadline: () => {
      if (result.state === 'not-tls') return onNonTls(true);
      fail(new TlsError('ERR_TLS_CLIENT_HELLO', 'the client sent no ClientHello in time'));
    },
  };
  const onEnd = (): void =>
    fail(new TlsError('ERR_TLS_CLIENT_HELLO', 'the client closed the tunnel before a ClientHello'));
  /** Puts back what was read, for whoever reads now. */
  const handOver = (): void => {
    stop();
    socket.unshift(seen.length === 1 ? seen[0]! : Buffer.concat(seen));
  };
  const onNonTls = (isLast: boolean): void => {
    const verdict = judgeNonTls(
      context.servesItself(host) ? 'http' : context.nonTls,
      Buffer.concat(seen),
      isLast,
    );
    if (verdict === null) return;
    if (typeof verdict === 'object') return fail(verdict);
    handOver();
    if (verdict === 'tunnel') return splice(context, socket, { host, port }, null, events);
    events.onHttp(socket, { secure: false, host, port, serverName: host }, null, null);
    socket.resume();
  };
  const onData = (chunk: Buffer): void => {
    seen.push(chunk);
    result = reader.push(chunk);
    if (result.state === 'need-more') return;
    if (result.state === 'invalid') {
      return fail(new TlsError('ERR_TLS_CLIENT_HELLO', `broken ClientHello: ${result.reason}`));
    }
    if (result.state === 'not-tls') return onNonTls(false);
    handOver();
    onHello(context, socket, { ...facts, sni: result.hello.serverName }, result.hello, events);
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
  facts: TlsFacts,
  hello: ClientHello,
  events: TunnelEvents,
): void {
  const { host, port } = facts;
  const sni = hello.serverName;
  const decision = context.decide(facts);
  const learned = decision === null ? (context.selfHealing?.find(facts) ?? null) : null;
  const action = learned === null ? (decision?.action ?? 'bump') : 'splice';
  const tls: TunnelTls = {
    ...{ version: null, sni, alpn: null, action },
    ...(learned === null ? {} : { learned: reasonFor(learned) }),
  };
  if (action === 'terminate') {
    socket.on('error', () => {});
    socket.destroy();
    return events.onFailed(
      new HttpError('ERR_PROXY_DENIED', `proxy.tls.rules terminate ${sni ?? host}`),
      tls,
    );
  }
  if (action === 'bump') {
    return intercept({ context, socket, hello, facts, tls, byRule: decision !== null, events });
  }
  // A name that is passed through at an address is taken where DNS says: an address would make it any name.
  const named = isIP(host) !== 0 && sni !== null;
  splice(context, socket, { host: named ? sni : host, port }, tls, events);
}

/** Passes the client's bytes through to the origin, untouched. */
function splice(
  context: TunnelContext,
  socket: Socket,
  target: { host: string; port: number },
  tls: TunnelTls | null,
  events: TunnelEvents,
): void {
  const gone = (): void => void socket.destroy();
  const fail = (error: WeirError): void => {
    socket.destroy();
    events.onFailed(error, tls);
  };
  socket.on('error', gone);
  try {
    context.checkTarget(target.host, target.port);
  } catch (error) {
    return fail(error as WeirError);
  }
  const reader = new PassThroughReader();
  context.connector
    .open({ secure: false, ...target, serverName: target.host }, { reader })
    .then(({ socket: origin, parent }) => {
      socket.off('error', gone);
      if (socket.destroyed) {
        origin.destroy();
        return;
      }
      events.onSpliced(tls, parent === null ? (origin.remoteAddress ?? null) : null);
      joinSockets(socket, Buffer.alloc(0), origin, Buffer.alloc(0), reader);
    }, fail);
}
