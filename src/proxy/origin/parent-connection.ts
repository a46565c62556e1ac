// The connection to a parent proxy, with TLS where the parent has it, and the tunnel through it. Which parent
// is asked is parents.ts; TLS with the origin inside the tunnel is the connector's.

import type { OnReadOpts, Socket } from 'node:net';
import { connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { AddressOrder } from './address-order.ts';
import type { BindAddresses } from './bind.ts';
import { localAddressFor } from './bind.ts';
import { dial } from './dial.ts';
import type { OriginTarget } from './engine.ts';
import { nameMismatch } from './origin-tls.ts';
import { asParentError } from './parent-errors.ts';
import { openHttpTunnel } from './parent-http.ts';
import { openSocksTunnel } from './parent-socks.ts';
import type { Parent } from './parents.ts';
import type { Settle, TimeLimit } from './time-limit.ts';

export interface ParentGround {
  readonly bind: BindAddresses;
  readonly order: AddressOrder;
  readonly viaName: string | null;
}

/**
 * Connects to a parent.
 *
 * @param addresses  of the parent
 * @param onread  for a plain connection that carries HTTP itself, see SlabReader
 * @throws {HttpError} `ERR_PARENT_UNAVAILABLE`, `ERR_PARENT_TLS`, and what the time limit makes
 */
export function connectToParent(
  parent: Parent,
  target: OriginTarget,
  addresses: readonly string[],
  { bind, order }: ParentGround,
  limit: TimeLimit,
  onread: OnReadOpts | null,
): Promise<Socket> {
  const { scheme, port } = parent.options;
  return limit.run((settle) => {
    let stop = dial(
      addresses,
      (address) => {
        const options = {
          host: address,
          port,
          noDelay: true,
          ...localAddressFor(bind, address),
          ...(onread === null ? {} : { onread }),
        };
        return scheme === 'https' ? secured(parent, options) : connect(options);
      },
      {
        onConnected: (socket, address) => {
          order.worked(address);
          socket.on('error', () => {}); // whoever waits for something listens besides
          if (scheme !== 'https') return settle.resolve(socket);
          stop = secureConnected(socket, {
            resolve: () => settle.resolve(socket),
            reject: (error) => settle.reject(asParentError(error, parent, target)),
          });
        },
        onAddressFailed: (address) => order.failed(address),
        onFailed: (error) => settle.reject(asParentError(error, parent, target)),
      },
    );
    return () => stop();
  });
}

/**
 * Opens a tunnel to the target on a connection to a parent, and closes the connection where that fails.
 *
 * @param host  what a SOCKS parent is asked for
 * @throws {HttpError} as openHttpTunnel and openSocksTunnel
 */
export async function openTunnelThrough(
  socket: Socket,
  parent: Parent,
  target: OriginTarget,
  host: string,
  viaName: string | null,
  limit: TimeLimit,
): Promise<void> {
  const isSocks = parent.options.scheme.startsWith('socks');
  try {
    await limit.run<void>((settle) =>
      isSocks
        ? openSocksTunnel(socket, parent, target, host, settle)
        : openHttpTunnel(socket, parent, target, viaName, settle),
    );
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Waits for the end of a handshake. @returns stops waiting and closes the connection */
export function secureConnected(socket: Socket, settle: Settle<void>): () => void {
  const off = (): void => {
    socket.off('secureConnect', done);
    socket.off('error', fail);
    socket.off('close', closed);
  };
  const done = (): void => {
    off();
    settle.resolve();
  };
  const fail = (error: Error): void => {
    off();
    socket.destroy();
    settle.reject(error);
  };
  const closed = (): void => {
    fail(Object.assign(new Error('it closed the connection'), { code: 'ECONNRESET' }));
  };
  socket.on('secureConnect', done);
  socket.on('error', fail);
  socket.on('close', closed);
  return () => {
    off();
    socket.destroy();
  };
}

function secured(parent: Parent, options: { host: string; port: number; noDelay: boolean }): TLSSocket {
  const { host } = parent.options;
  const socket: TLSSocket = connectTls({
    ...options,
    secureContext: parent.secureContext,
    ALPNProtocols: ['http/1.1'],
    servername: isIP(host) === 0 ? host : '',
    checkServerIdentity: () => nameMismatch(host, socket.getPeerX509Certificate()),
  });
  return socket;
}
