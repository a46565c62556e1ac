// Every way of putting ICAP in front of an application, as one kind of thing, so that one suite can hold
// them all to the same behaviour.

import http from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import express from 'express';
import Fastify from 'fastify';
import httpProxy from 'http-proxy';
import httpProxy3 from 'http-proxy-3';
import { createProxyServer as createHttpxy } from 'httpxy';
import { attachIcap } from '../../src/embed/attach.ts';
import { icapMiddleware } from '../../src/embed/middleware.ts';
import type { IcapPolicyOptions } from '../../src/embed/policy.ts';
import { originServer } from '../support/originServer.ts';
import type { Application } from './application.ts';

export interface Front extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
}

export type StartFront = (application: Application, options: IcapPolicyOptions) => Promise<Front>;

/** A server on a free port; `stop` is called after it. */
export async function listening(server: Server, stop: () => unknown): Promise<Front> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      (server as http.Server).closeAllConnections?.();
      await closed;
      await stop();
    },
  };
}

const plainNode: StartFront = (application, options) => {
  const middleware = icapMiddleware(options);
  const server = http.createServer((req, res) => middleware(req, res, () => application.handle(req, res)));
  return listening(server, () => middleware.close());
};

const onExpress: StartFront = (application, options) => {
  const middleware = icapMiddleware(options);
  const app = express();
  app.disable('x-powered-by');
  app.use(middleware);
  app.use((req, res) => application.handle(req, res));
  return listening(http.createServer(app), () => middleware.close());
};

const onFastify: StartFront = async (application, options) => {
  const middleware = icapMiddleware(options);
  const app = Fastify();
  app.addHook('onRequest', (request, reply, done) => {
    middleware(request.raw, reply.raw, done);
  });
  app.addContentTypeParser('*', (_request, _payload, done) => done(null)); // the application reads it itself
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.all('/*', (request, reply) => {
    reply.hijack();
    application.handle(request.raw, reply.raw);
  });
  await app.ready();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      app.server.closeAllConnections();
      await app.close();
      middleware.close();
    },
  };
};

interface AnyProxy {
  web(req: http.IncomingMessage, res: http.ServerResponse): unknown;
  on(event: 'error', listener: (error: Error, req: unknown, res: unknown) => void): unknown;
}

/** A proxy of the http-proxy family in front of the application in a server of its own. */
function proxied(make: (target: string) => AnyProxy): StartFront {
  return async (application, options) => {
    const origin = await originServer((req, res) => application.handle(req, res));
    const proxy = make(origin.url);
    proxy.on('error', (_error, _req, res) => {
      const response = res as http.ServerResponse;
      if (!response.headersSent) response.writeHead(502).end('proxy error');
    });
    const detach = attachIcap(proxy as Parameters<typeof attachIcap>[0], options);
    const server = http.createServer((req, res) => void proxy.web(req, res));
    return listening(server, async () => {
      detach();
      await origin.close();
    });
  };
}

export const FRONTS: readonly (readonly [name: string, start: StartFront])[] = [
  ['icapMiddleware on node:http', plainNode],
  ['icapMiddleware on Express', onExpress],
  ['icapMiddleware in a Fastify hook', onFastify],
  ['attachIcap on http-proxy 1.18', proxied((target) => httpProxy.createProxyServer({ target }))],
  ['attachIcap on http-proxy-3', proxied((target) => httpProxy3.createProxyServer({ target }))],
  ['attachIcap on httpxy', proxied((target) => createHttpxy({ target }))],
];
