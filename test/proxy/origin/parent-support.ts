// Parents of the tests' own: options from a URL, and a proxy that really carries what it is asked for.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import net, { BlockList } from 'node:net';
import { parseParentUrl } from '../../../src/config/parent-url.ts';
import type { ParentOptions } from '../../../src/proxy/origin/parents.ts';
import { testCa } from '../../support/testCa.ts';

export function parentAt(url: string, options: Partial<ParentOptions> = {}): ParentOptions {
  const { user, password, ...place } = parseParentUrl(url);
  return {
    ...place,
    credentials: user === null || password === null ? null : { user, password },
    hosts: ['*'],
    except: { networks: new BlockList(), hosts: [] },
    ca: null,
    ...options,
  };
}

export interface ParentProxy extends AsyncDisposable {
  readonly port: number;
  /** Request lines of all requests, CONNECT or not. */
  readonly seen: readonly string[];
  /** Header fields of all requests, lower-case names. */
  readonly headers: readonly http.IncomingHttpHeaders[];
}

/** An HTTP proxy of node's own; with `tls` an HTTPS one, with a certificate of testCa() for these names. */
export async function parentProxy(
  options: { tls?: readonly string[]; login?: string; refuse?: number } = {},
): Promise<ParentProxy> {
  const seen: string[] = [];
  const headers: http.IncomingHttpHeaders[] = [];
  const note = (request: http.IncomingMessage): void => {
    seen.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
  };
  const refusal = (request: http.IncomingMessage): number | null => {
    const wanted = `Basic ${Buffer.from(options.login ?? '').toString('base64')}`;
    if (options.login !== undefined && request.headers['proxy-authorization'] !== wanted) return 407;
    return options.refuse ?? null;
  };
  const forward: http.RequestListener = (request, response) => {
    note(request);
    const status = refusal(request);
    if (status !== null) return void response.writeHead(status, { 'Proxy-Authenticate': 'Basic' }).end('no');
    const onward = http.request(request.url!, { method: request.method!, headers: request.headers });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode!, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  };
  const leaf = options.tls === undefined ? null : await (await testCa()).issue(options.tls);
  const server = leaf === null ? http.createServer(forward) : https.createServer(leaf, forward);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', keep);
  server.on('connect', (request: http.IncomingMessage, client: Socket, head: Buffer) => {
    note(request);
    keep(client);
    const status = refusal(request);
    if (status !== null) return void client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const onward = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
    keep(onward);
    onward.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      client.pipe(onward).pipe(client);
    });
    onward.once('error', () => client.end('HTTP/1.1 503 Unreachable\r\n\r\n'));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    headers,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
