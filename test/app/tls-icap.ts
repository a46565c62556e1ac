// An ICAP server on TLS that modifies nothing, and notes who its clients are.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { IcapConversation, NO_CONTENT, optionsAnswer } from '../icap/client/scripted-icap.ts';

export interface TlsIcap extends AsyncDisposable {
  readonly port: number;
  /** Common names of the certificates that clients showed, one a connection. */
  readonly clients: readonly (string | undefined)[];
}

export async function tlsServed(options: TlsOptions): Promise<TlsIcap> {
  const clients: (string | undefined)[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer(options, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const { subject } = socket.getPeerCertificate();
    clients.push(subject === undefined ? undefined : [subject.CN].flat()[0]);
    const peer = new IcapConversation(socket, clients.length);
    const serve = async (): Promise<void> => {
      for (;;) {
        const request = await peer.readRequest();
        peer.send(request.startsWith('OPTIONS ') ? optionsAnswer() : NO_CONTENT);
      }
    };
    serve().catch(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    clients,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
