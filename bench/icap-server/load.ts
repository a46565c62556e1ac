// The load process of this suite, both ends: the generator of `weir icap bench`, driven over IPC.
import { LoadGenerator } from '../../src/icap/load/generator.ts';
import { loadMessage, sampleBody } from '../../src/icap/load/message.ts';
import type { LoadReport } from '../../src/icap/load/tally.ts';
import type { Helper } from '../host/helper.ts';
import { CONNECTIONS, type ServerWork } from './works.ts';

const TIMEOUT_MS = 10_000;

export type ServerLoadRequest =
  | { readonly type: 'open'; readonly port: number; readonly path: string; readonly work: ServerWork }
  | { readonly type: 'phase'; readonly milliseconds: number }
  | { readonly type: 'close' };

export type ServerLoad = Helper<ServerLoadRequest, LoadReport>;

/** The generator for a work; a 200 must bring the body that was sent. */
export function generatorFor(port: number, path: string, work: ServerWork): LoadGenerator {
  const { method, bodyBytes, preview, allow204 } = work;
  const host = '127.0.0.1';
  return new LoadGenerator({
    endpoint: { host, port, tls: null },
    message: loadMessage({
      method,
      target: { host, port, secure: false, path: `/${path}`, user: '', password: '' },
      url: 'http://www.bench.test/page.html',
      body: bodyBytes === null ? null : sampleBody(bodyBytes),
      contentType: 'text/plain',
      preview,
      allow204,
      allow206: false,
      icapHeaders: [],
      httpHeaders: [],
    }),
    connections: work.connections ?? CONNECTIONS,
    expected: { statuses: null, sameBody: true },
    connectTimeoutMs: TIMEOUT_MS,
  });
}

let generator: LoadGenerator | null = null;

/** In the load process: obeys one request. */
export async function obey(request: ServerLoadRequest): Promise<LoadReport | undefined> {
  switch (request.type) {
    case 'open':
      generator = generatorFor(request.port, request.path, request.work);
      await generator.open();
      return undefined;
    case 'phase':
      return generator?.run({
        durationMs: request.milliseconds,
        requests: null,
        rate: null,
        timeoutMs: TIMEOUT_MS,
      });
    case 'close':
      generator?.close();
      generator = null;
      return undefined;
  }
}
