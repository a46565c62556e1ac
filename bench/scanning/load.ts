// The load process of this suite, both ends: the generator of `weir icap bench` with a body from a file.
import { readFileSync } from 'node:fs';

import { LoadGenerator } from '../../src/icap/load/generator.ts';
import { loadMessage } from '../../src/icap/load/message.ts';
import type { LoadReport } from '../../src/icap/load/tally.ts';
import type { Helper } from '../host/helper.ts';
import type { BodyFile } from './bodies.ts';

const TIMEOUT_MS = 10 * 60_000; // archives wait for each other

export interface LoadTarget {
  readonly port: number;
  readonly path: string;
  readonly body: BodyFile;
  readonly connections: number;
  readonly preview: number | null;
}

export type ScanLoadRequest =
  | ({ readonly type: 'open' } & LoadTarget)
  | { readonly type: 'phase'; readonly milliseconds: number }
  /** A phase of so many exchanges. */
  | { readonly type: 'send'; readonly requests: number }
  /** A phase from here to `end`, which answers with its report. */
  | { readonly type: 'begin' }
  | { readonly type: 'end' }
  | { readonly type: 'close' };

export type ScanLoad = Helper<ScanLoadRequest, LoadReport>;

/** The generator for a service; every answer must be 204, or bring the body that was sent. */
export function generatorFor({ port, path, body, connections, preview }: LoadTarget): LoadGenerator {
  const host = '127.0.0.1';
  return new LoadGenerator({
    endpoint: { host, port, tls: null },
    message: loadMessage({
      method: 'RESPMOD',
      target: { host, port, secure: false, path: `/${path}`, user: '', password: '' },
      url: 'http://www.bench.test/page.txt',
      body: readFileSync(body.file),
      contentType: body.contentType,
      preview,
      allow204: true,
      allow206: false,
      icapHeaders: [],
      httpHeaders: body.coding === null ? [] : ['Content-Encoding', body.coding],
    }),
    connections,
    expected: { statuses: [204], sameBody: true },
    connectTimeoutMs: 10_000,
  });
}

let generator: LoadGenerator | null = null;
let stop = new AbortController();
let running: Promise<LoadReport> | undefined;

/** In the load process: obeys one request. */
export async function obey(request: ScanLoadRequest): Promise<LoadReport | undefined> {
  switch (request.type) {
    case 'open':
      generator = generatorFor(request);
      await generator.open();
      return undefined;
    case 'phase':
      return run(request.milliseconds, null);
    case 'send':
      return run(TIMEOUT_MS, request.requests);
    case 'begin':
      stop = new AbortController();
      running = run(TIMEOUT_MS, null, stop.signal);
      return undefined;
    case 'end':
      stop.abort();
      return running;
    case 'close':
      generator?.close();
      generator = null;
      return undefined;
  }
}

function run(
  durationMs: number,
  requests: number | null,
  signal: AbortSignal | null = null,
): Promise<LoadReport> {
  if (generator === null) throw new Error('nothing is open');
  return generator.run({ durationMs, requests, rate: null, timeoutMs: TIMEOUT_MS }, signal);
}
