// The lab's origin: an HTTPS server on loopback with a certificate of a CA of its own, which answers for all
// hosts of the lab. It counts what reaches it: a scenario is right only if the origin saw what it should.

import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { X509Certificate } from 'node:crypto';
import { WebSocketServer } from 'ws';
import { CertificateAuthority } from '../ca/authority.ts';
import { mintLeaf, processLeafKey } from '../ca/leaf.ts';

/** All hosts of the lab end in this; RFC 6761 keeps `.test` free. */
export const LAB_DOMAIN = 'lab.test';

const MAX_UPLOAD = 1024 * 1024; // bytes that are counted; more is read and forgotten
const MAX_MESSAGE = 64 * 1024;

export interface LabPage {
  readonly type: string;
  readonly body: Buffer;
  /** Further header fields. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the origin was sent for one path. */
export interface Sighting {
  requests: number;
  /** Body bytes. */
  bytes: number;
}

export interface LabOrigin {
  readonly port: number;
  /** PEM of the CA that signs its certificate, and its path. */
  readonly ca: string;
  readonly caPath: string;
  /** SHA-256 of its certificate, hex pairs with colons. */
  readonly fingerprint256: string;
  /** `https://host.lab.test:port/path`. */
  url(host: string, path: string): string;
  /** Requests for a path on a host such as `www`, whole or not. */
  seen(host: string, path: string): Sighting;
  /** Text messages that came over WebSockets. */
  readonly messages: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts the origin.
 * @param pages  by `host/path`, e.g. `www/report.zip`; a POST to anything is taken and answered 200
 * @param folder  where its CA is made
 */
export async function startOrigin(pages: ReadonlyMap<string, LabPage>, folder: string): Promise<LabOrigin> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { ca } = await CertificateAuthority.loadOrCreate(folder);
  const key = processLeafKey();
  const leaf = mintLeaf(ca, [`origin.${LAB_DOMAIN}`, `*.${LAB_DOMAIN}`], key);
  const sightings = new Map<string, Sighting>();
  const seen = (name: string): Sighting => sightings.get(name) ?? { requests: 0, bytes: 0 };
  const server = createServer(
    { key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: leaf.pem },
    (request, response) => {
      const name = nameOf(request);
      const sighting = { ...seen(name) };
      sightings.set(name, sighting);
      sighting.requests++;
      request.on('data', (chunk: Buffer) => {
        sighting.bytes = Math.min(MAX_UPLOAD, sighting.bytes + chunk.length);
      });
      answer(request, response, pages.get(name));
    },
  );
  const messages: string[] = [];
  const webSockets = echoServer(server, messages);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    ca: ca.certificatePem,
    caPath: ca.certificatePath,
    fingerprint256: new X509Certificate(leaf.pem).fingerprint256,
    url: (host, path) => `https://${host}.${LAB_DOMAIN}:${port}${path}`,
    seen: (host, path) => seen(`${host}${path}`),
    messages,
    async close() {
      webSockets.close();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** `www/path` of a request for https://www.lab.test/path?query. */
function nameOf({ headers, url = '/' }: IncomingMessage): string {
  return `${(headers.host ?? '').split('.', 1)[0]}${url.split('?', 1)[0]}`;
}

function answer(request: IncomingMessage, response: ServerResponse, page: LabPage | undefined): void {
  if (request.method === 'POST') {
    request.on('end', () => response.end('the origin has it now\n'));
    return;
  }
  if (page === undefined) return void response.writeHead(404).end('no such page in the lab\n');
  const { type, body, headers } = page;
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length, ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** WebSockets on every host: each text comes back. */
function echoServer(server: Server, messages: string[]): WebSocketServer {
  const webSockets = new WebSocketServer({ server, maxPayload: MAX_MESSAGE });
  webSockets.on('connection', (socket) => {
    socket.on('error', () => {}); // it closes; the client's side tells why
    socket.on('message', (data: Buffer) => {
      messages.push(data.toString());
      socket.send(`echo: ${data.toString()}`);
    });
  });
  return webSockets;
}
