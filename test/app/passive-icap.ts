// ICAP servers that modify nothing, on TLS and on a Unix socket, and note who asks them for what.

import { once } from 'node:events';
import { createServer as createPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { IcapConversation, NO_CONTENT, optionsAnswer } from '../icap/client/scripted-icap.ts';

export interface PassiveIcap extends AsyncDisposable {
  /** 0 on a Unix socket. */
  readonly port: number;
  /** What was asked, up to the end of its preview. */
  readonly requests: readonly string[];
  /** Common names of the certificates that clients showed, one a connection. */
  readonly clients: readonly (string | undefined)[];
}

export async function tlsServed(options: TlsOptions): Promise<PassiveIcap> {
  const clients: (string | undefined)[] = [];
  return passive(clients, (onSocket) =>
    createServer(options, (socket: TLSSocket) => {
      clients.push([socket.getPeerCertificate().subject?.CN].flat()[0]);
      onSocket(socket);
    }).listen(0, '127.0.0.1'),
  );
}

export async function unixServed(path: string): Promise<PassiveIcap> {
  return passive([], (onSocket) => createPlain(onSocket).listen(path));
}

async function passive(
  clients: readonly (string | undefined)[],
  open: (onSocket: (socket: Socket) => void) => Server,
): Promise<PassiveIcap> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server = open((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(new IcapConversation(socket, sockets.size), requests).catch(() => socket.destroy());
  });
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  return {
    port: typeof address === 'string' ? 0 : address.port,
    requests,
    clients,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function serve(peer: IcapConversation, requests: string[]): Promise<void> {
  for (;;) {
    const request = await peer.readRequest();
    requests.push(request);
    const isOptions = request.startsWith('OPTIONS ');
    if (!isOptions && !request.includes('null-body') && !request.includes('\r\nPreview: '))
      await peer.readRest();
    peer.send(isOptions ? optionsAnswer(['Preview: 4', 'X-Include: X-Server-IP']) : NO_CONTENT);
  }
}
