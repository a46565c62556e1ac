// What the tests of origin engines share: the engines, requests with defaults, and scripted origins that
// read and write exact bytes.

import { rootCertificates } from 'node:tls';
import { Body, collectBody } from '../../../src/http/body.ts';
import type { RawHeaders } from '../../../src/icap/codec/http-head.ts';
import type { ConnectorOptions } from '../../../src/proxy/origin/connector.ts';
import { OriginConnector } from '../../../src/proxy/origin/connector.ts';
import type { OriginEngine, OriginRequest, OriginResponse } from '../../../src/proxy/origin/engine.ts';
import { NativeEngine } from '../../../src/proxy/origin/native-engine.ts';
import type { PooledEngineOptions } from '../../../src/proxy/origin/pooled-engine.ts';
import { UndiciEngine } from '../../../src/proxy/origin/undici-engine.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import type { Origin, OriginOptions } from '../../support/originServer.ts';
import { rawOrigin } from '../../support/originServer.ts';
import type { RawClient } from '../../support/rawClient.ts';
import { rawClientOn } from '../../support/rawClient.ts';
import { testCa } from '../../support/testCa.ts';

export type EngineName = 'native' | 'undici';

const MAKE: Record<EngineName, (options: PooledEngineOptions) => OriginEngine> = {
  native: (options) => new NativeEngine(options),
  undici: (options) => new UndiciEngine(options),
};

export type EngineOptions = Partial<ConnectorOptions> & { readonly responseTimeoutMs?: number };

/** An engine that trusts testCa() and is closed at the end of its scope. */
export async function startEngine(
  name: EngineName,
  { responseTimeoutMs = 5000, ...options }: EngineOptions = {},
): Promise<OriginEngine & Disposable> {
  const connector = new OriginConnector({
    ca: [...rootCertificates, (await testCa()).cert],
    verify: true,
    hosts: {},
    connectTimeoutMs: 5000,
    isOwnPort: () => false,
    isDeniedAddress: () => false,
    ...options,
  });
  const engine = MAKE[name]({ connector, responseTimeoutMs });
  return Object.assign(engine, { [Symbol.dispose]: () => engine.close() });
}

export interface RequestOptions {
  readonly method?: string;
  readonly path?: string;
  /** Fields beside Host, which comes first. */
  readonly headers?: RawHeaders;
  readonly body?: Body | Buffer | string | null;
  /** Default: the length of a body that is given as bytes; null sends chunks. */
  readonly contentLength?: number | null;
  readonly trailer?: string;
  readonly upgrade?: string;
  readonly cancellation?: Cancellation;
  readonly secure?: boolean;
  readonly host?: string;
  readonly serverName?: string;
  readonly onInformation?: OriginRequest['onInformation'];
}

/** A request to a port of this machine. */
export function requestTo(port: number, options: RequestOptions = {}): OriginRequest {
  const { secure = false, host = secure ? 'localhost' : '127.0.0.1', headers = [] } = options;
  const bytes =
    typeof options.body === 'string' ? Buffer.from(options.body, 'latin1') : (options.body ?? null);
  const body = Buffer.isBuffer(bytes) ? Body.of(bytes) : bytes;
  const contentLength =
    options.contentLength === undefined && Buffer.isBuffer(bytes)
      ? bytes.length
      : (options.contentLength ?? null);
  const length = contentLength === null ? [] : ['Content-Length', String(contentLength)];
  return {
    target: { secure, host, port, serverName: options.serverName ?? host },
    head: {
      method: options.method ?? 'GET',
      target: options.path ?? '/',
      version: '1.1',
      headers: ['Host', 'origin.test', ...headers, ...length],
    },
    body,
    contentLength,
    trailer: options.trailer ?? null,
    upgrade: options.upgrade ?? null,
    cancellation: options.cancellation ?? new Cancellation(),
    onInformation: options.onInformation ?? (() => {}),
  };
}

export interface ScriptedOrigin extends Origin {
  /** Connections in the order in which they came. */
  readonly peers: readonly RawClient[];
  /** Rethrows what a script threw. */
  check(): void;
}

/** An origin whose connections run `script`; `nth` counts connections from 0. */
export async function scriptedOrigin(
  script: (peer: RawClient, nth: number) => Promise<void> | void,
  options: OriginOptions = {},
): Promise<ScriptedOrigin> {
  const peers: RawClient[] = [];
  let failure: unknown = null;
  const origin = await rawOrigin((socket) => {
    const peer = rawClientOn(socket);
    peers.push(peer);
    Promise.resolve(script(peer, peers.length - 1)).catch((error: unknown) => {
      failure ??= error;
      socket.destroy();
    });
  }, options);
  const check = (): void => {
    if (failure !== null) throw failure as Error;
  };
  return Object.assign(origin, { peers, check });
}

/** An origin that reads one head and answers with these bytes, then closes if `close`. */
export function answering(
  bytes: string | Buffer,
  { close = true, ...options }: OriginOptions & { close?: boolean } = {},
): Promise<ScriptedOrigin> {
  return scriptedOrigin(async (peer) => {
    await peer.until('\r\n\r\n');
    peer.send(bytes);
    if (close) peer.end();
  }, options);
}

/** Text of a whole body, latin-1. */
export async function textOf(response: OriginResponse): Promise<string> {
  if (response.body === null) return '';
  return (await collectBody(response.body, 16 * 1024 * 1024)).toString('latin1');
}

/** What a promise rejects with: the code, or a text that cannot be one. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** The head that an engine writes where the native one writes `head`: what undici rewrites is done here. */
export function asWrittenBy(name: EngineName, head: string): string {
  if (name === 'native') return head;
  const [start, ...lines] = head.split('\r\n').filter((line) => line !== '');
  const named = (field: string): string[] =>
    lines
      .filter((line) => line.toLowerCase().startsWith(`${field}:`))
      .map((line) => field + line.slice(field.length));
  const others = lines.filter((line) => !/^(?:host|content-length):/i.test(line));
  const all = [start, ...named('host'), 'connection: keep-alive', ...others, ...named('content-length')];
  return `${all.join('\r\n')}\r\n\r\n`;
}

/** Bytes in which no piece equals its neighbour. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 7) & 0xff;
  return bytes;
}

/** A body whose pieces are pushed as its consumer takes them. */
export function bodyInPieces(bytes: Buffer, size = 40_000): Body {
  let at = 0;
  const more = (): void => {
    setImmediate(() => {
      while (at < bytes.length) {
        const piece = bytes.subarray(at, at + size);
        at += piece.length;
        if (!body.push(piece)) return;
      }
      body.end();
    });
  };
  const body = new Body({ resume: more, cancel: () => (at = bytes.length) }, bytes.length);
  more();
  return body;
}
