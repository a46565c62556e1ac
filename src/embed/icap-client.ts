// One ICAP service for programs: promises and streams over the client that the proxy uses itself
// (connection pool, OPTIONS cache, preview, 204). What an answer means is proxy/adaptation/verdict.ts.

import type { Readable } from 'node:stream';
import { HttpError } from '../errors.ts';
import { HeldBody } from '../http/held-body.ts';
import type { Adaptation } from '../icap/client/adaptation.ts';
import type { ServiceOptions } from '../icap/client/options.ts';
import type { IcapServiceClient } from '../icap/client/service-client.ts';
import { fieldValue, isToken } from '../icap/codec/fields.ts';
import { formatRequestHead } from '../icap/codec/http-head.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import type { ModMethod } from '../icap/service.ts';
import { judge } from '../proxy/adaptation/verdict.ts';
import type { ThreatRecord } from '../telemetry/records.ts';
import { Cancellation } from '../util/cancellation.ts';
import type { BodyInput } from './node-streams.ts';
import { bodyOf, streamFromBody } from './node-streams.ts';
import type { IcapConnectionOptions } from './policy.ts';
import { serviceClient, spoolOf } from './policy.ts';

/** Header fields: a record, pairs (`Headers`, `Map`), or a flat list as `rawHeaders` is. */
export type HeadersInput =
  | Readonly<Record<string, string | number | readonly string[] | undefined>>
  | Iterable<readonly [string, string]>
  | readonly string[];

export interface IcapRequestInput {
  /** Absolute, e.g. `https://app.example/upload`; services see it, nobody connects to it. */
  readonly url: string;
  /** Default GET, or POST where REQMOD is given a body. */
  readonly method?: string;
  readonly headers?: HeadersInput;
}

export interface IcapResponseInput {
  /** Default 200. */
  readonly status?: number;
  /** Default none. */
  readonly reason?: string;
  readonly headers?: HeadersInput;
}

export interface IcapMessageInput {
  readonly request: IcapRequestInput;
  readonly body?: BodyInput | null;
  /** Aborts the exchange, and later the answer's body. */
  readonly signal?: AbortSignal;
  /** For services that ask for them (X-Client-IP, X-Server-IP, X-Authenticated-User). */
  readonly clientIp?: string;
  readonly serverIp?: string;
  readonly user?: string;
}

export interface IcapResult {
  /** 204 or 200, or 206; 204 also where the service was not asked (Transfer-Ignore). */
  readonly icapStatus: number;
  readonly verdict: 'unmodified' | 'modified' | 'blocked';
  /** What was found; null unless blocked. */
  readonly threat: ThreatRecord | null;
  /** The adapted request; null where it is unchanged. */
  readonly request: RequestHead | null;
  /** The adapted response, or a page in place of the message; null where it is unchanged. */
  readonly response: ResponseHead | null;
  /**
   * Body of `request` or `response`; of an unmodified message the one that was given, from its first byte. Read
   * it or destroy it: it holds a connection, or what was kept of the original.
   */
  readonly body: Readable | null;
  /** ICAP header fields of the answer: name, value, name, value, … */
  readonly headers: RawHeaders;
}

export type { ServiceOptions as IcapServiceOptions } from '../icap/client/options.ts';

export class IcapClient {
  readonly #client: IcapServiceClient;
  readonly #options: IcapConnectionOptions;

  /**
   * @param url  `icap://host[:1344]/service` or `icaps://host[:11344]/service`, with `user:password@` for Basic
   * @throws {ConfigError} `ERR_CONFIG_VALUE`
   */
  constructor(url: string, options: IcapConnectionOptions = {}) {
    this.#client = serviceClient(url, options);
    this.#options = options;
  }

  /**
   * What the service says of itself; asked for at most once in its time to live.
   * @throws {IcapError} `ERR_ADAPT_…`
   */
  options(): Promise<ServiceOptions> {
    return this.#client.describe();
  }

  /**
   * Sends a request for inspection.
   * @throws {WeirError} `ERR_ADAPT_…` when the service cannot be reached or breaks the protocol, `ERR_ABORTED`,
   *         `ERR_EMBED_INPUT`, `ERR_SPOOL`
   */
  reqmod(message: IcapMessageInput): Promise<IcapResult> {
    return this.#adapt('REQMOD', message, null);
  }

  /** Sends a response, with the request that it answers, for inspection. Fails as `reqmod` does. */
  respmod(message: IcapMessageInput & { readonly response?: IcapResponseInput }): Promise<IcapResult> {
    return this.#adapt('RESPMOD', message, message.response ?? {});
  }

  /** Keeps no connection open any more; exchanges under way are finished. */
  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #adapt(
    method: ModMethod,
    message: IcapMessageInput,
    response: IcapResponseInput | null,
  ): Promise<IcapResult> {
    const { signal, clientIp, serverIp, user } = message;
    const request = requestHead(message.request, method === 'REQMOD' && message.body != null);
    const body = bodyOf(message.body);
    const cancellation = new Cancellation();
    const stop = (): void => {
      cancellation.cancel(new HttpError('ERR_ABORTED', 'the exchange was aborted', {}, signal?.reason));
    };
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    const unwatch = (): void => signal?.removeEventListener('abort', stop);
    try {
      if (cancellation.reason !== null) throw cancellation.reason;
      const pending = this.#client.adapt({
        method,
        request,
        requestText: formatRequestHead(request),
        response: response === null ? null : responseHead(response),
        body: body === null ? null : new HeldBody(body, spoolOf(this.#options)),
        clientIp: clientIp ?? null,
        serverIp: serverIp ?? null,
        user: user ?? null,
        cancellation,
      });
      return result(await unlessCancelled(pending, cancellation), cancellation, unwatch);
    } catch (error) {
      unwatch();
      body?.cancel(error as Error);
      throw error;
    }
  }
}

/** Who aborts is answered at once, whatever the client is waiting for. */
async function unlessCancelled(
  pending: Promise<Adaptation>,
  cancellation: Cancellation,
): Promise<Adaptation> {
  let forget = (): void => {};
  const cancelled = new Promise<never>((_, reject) => {
    forget = cancellation.onCancel((reason) => {
      pending.then(({ body }) => body?.cancel(reason)).catch(() => {});
      reject(reason);
    });
  });
  try {
    return await Promise.race([pending, cancelled]);
  } finally {
    forget();
  }
}

function result(adaptation: Adaptation, cancellation: Cancellation, unwatch: () => void): IcapResult {
  const { icapStatus, request, response, icapHeaders } = adaptation;
  const { verdict, threat } = judge(adaptation);
  const body = adaptation.body === null ? null : streamFromBody(adaptation.body);
  if (body === null) unwatch();
  else {
    cancellation.onCancel((reason) => void body.destroy(reason));
    body.once('close', unwatch);
  }
  return {
    icapStatus,
    verdict: verdict === 'blocked' || verdict === 'modified' ? verdict : 'unmodified',
    threat,
    request,
    response,
    body,
    headers: icapHeaders,
  };
}

function requestHead({ url, method, headers }: IcapRequestInput, hasBody: boolean): RequestHead {
  if (!URL.canParse(url) || !/^https?:\/\/[\x21-\x7e]+$/i.test(url)) {
    throw inputError(
      'request.url: expected an absolute http:// or https:// URL of printable ASCII characters',
    );
  }
  const fields = rawHeaders(headers, 'request.headers');
  if (fieldValue(fields, 'host') === undefined) fields.unshift('Host', new URL(url).host);
  const name = method ?? (hasBody ? 'POST' : 'GET');
  if (!isToken(name)) throw inputError('request.method: expected an HTTP method such as POST');
  return { method: name, target: url.split('#', 1)[0]!, version: '1.1', headers: fields };
}

function responseHead({ status = 200, reason = '', headers }: IcapResponseInput): ResponseHead {
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw inputError(`response.status: expected a status code, got ${status}`);
  }
  if (!FIELD_TEXT.test(reason)) throw inputError('response.reason: expected one line of text');
  return { version: '1.1', status, reason, headers: rawHeaders(headers, 'response.headers') };
}

const FIELD_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Framing of the HTTP connection is no business of an ICAP message: the body is in chunks there anyway. */
const FRAMING = /^(?:transfer-encoding|connection|keep-alive|upgrade|te|trailer)$/i;

function rawHeaders(input: HeadersInput | undefined, where: string): RawHeaders {
  const raw: RawHeaders = [];
  const add = (name: string, value: unknown): void => {
    const text = String(value);
    if (!isToken(name) || !FIELD_TEXT.test(text)) {
      throw inputError(
        `${where}: ${JSON.stringify(name).slice(0, 80)} is no field, or its value no line of latin-1`,
      );
    }
    if (!FRAMING.test(name)) raw.push(name, text.trim());
  };
  if (input === undefined) return raw;
  if (Array.isArray(input) && typeof input[0] === 'string') {
    for (let i = 0; i < input.length; i += 2) add(String(input[i]), input[i + 1] ?? '');
  } else if (Symbol.iterator in input) {
    for (const [name, value] of input as Iterable<readonly [string, string]>) add(name, value);
  } else {
    for (const [name, value] of Object.entries(input)) {
      if (value === undefined) continue;
      for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) add(name, one);
    }
  }
  return raw;
}

function inputError(message: string): HttpError {
  return new HttpError('ERR_EMBED_INPUT', message);
}
