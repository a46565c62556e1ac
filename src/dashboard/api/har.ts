// One transaction as HAR 1.2, for the tools that read it; what ICAP did stands in `_icap`. Secrets are left out,
// as they are in the trace.

import type { TraceRecord } from '../../trace/types.ts';
import { WEIR_VERSION } from '../../util/version.ts';
import type { CapturedBody, CapturedMessage, HeaderPairs, TransactionCaptureReply } from './types.ts';

/** A HAR log with one entry. */
export function harOf(trace: TraceRecord, capture: TransactionCaptureReply | null): object {
  const { time, ms, request, answer, origin, tls, reqmod, respmod } = trace;
  const steps = [...reqmod, ...respmod];
  const icapMs = steps.reduce((sum, { services }) => sum + services.reduce((of, each) => of + each.ms, 0), 0);
  const connect = origin?.connectMs ?? -1;
  const wait = origin?.firstByteMs ?? Math.max(0, ms - icapMs);
  const receive = Math.max(0, ms - Math.max(0, connect) - wait);
  const version = request.version === null ? 'HTTP/1.1' : `HTTP/${request.version}`;
  const ip = origin?.address?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const entry = {
    startedDateTime: time,
    time: ms,
    request: {
      method: request.method,
      url: request.url,
      httpVersion: version,
      cookies: [],
      headers: fieldsOf(request.headers),
      queryString: queryOf(request.url),
      headersSize: -1,
      bodySize: request.bytes,
      ...postDataOf(capture?.request ?? null, request.headers),
    },
    response: {
      status: answer.status,
      statusText: answer.reason ?? '',
      httpVersion: version,
      cookies: [],
      headers: fieldsOf(answer.headers),
      content: contentOf(capture?.response ?? null, answer.headers, answer.bytes),
      redirectURL: valueOf(answer.headers, 'location'),
      headersSize: -1,
      bodySize: answer.bytes,
    },
    cache: {},
    timings: { blocked: -1, dns: -1, connect, ssl: -1, send: 0, wait, receive },
    ...(ip === undefined || ip === '' ? {} : { serverIPAddress: ip }),
    _id: trace.id,
    _verdict: trace.verdict,
    _decided: trace.decided,
    _threat: trace.threat,
    _coverage: trace.coverage,
    _tls: tls,
    _icap: { reqmod, respmod },
  };
  const creator = { name: 'Weir', version: WEIR_VERSION };
  return { log: { version: '1.2', creator, pages: [], entries: [entry] } };
}

function fieldsOf(headers: HeaderPairs): { name: string; value: string }[] {
  return headers.map(([name, value]) => ({ name, value }));
}

function valueOf(headers: HeaderPairs, name: string): string {
  return headers.find(([given]) => given.toLowerCase() === name)?.[1] ?? '';
}

function queryOf(url: string): { name: string; value: string }[] {
  const at = url.indexOf('?');
  if (at < 0) return [];
  return [...new URLSearchParams(url.slice(at + 1))].map(([name, value]) => ({ name, value }));
}

function postDataOf(message: CapturedMessage | null, headers: HeaderPairs): object {
  if (message?.body == null) return {};
  const mimeType = valueOf(headers, 'content-type');
  return { postData: { mimeType, params: [], ...textOf(message.body) } };
}

function contentOf(message: CapturedMessage | null, headers: HeaderPairs, size: number): object {
  const mimeType = valueOf(headers, 'content-type') || 'application/octet-stream';
  const body = message?.body ?? null;
  return { size, mimeType, ...(body === null ? {} : textOf(body)) };
}

function textOf({ base64, truncated, bytes }: CapturedBody): object {
  const note = truncated ? { comment: `cut: the body has ${bytes} bytes` } : {};
  return { text: base64, encoding: 'base64', ...note };
}
