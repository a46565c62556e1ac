// A small HTTP client for tests: one request, the whole answer.

import http from 'node:http';
import https from 'node:https';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { createHash, randomBytes } from 'node:crypto';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly text: string;
}

export interface RequestSettings {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Sent with Content-Length; a list in chunks. */
  readonly body?: Buffer | readonly Buffer[];
  /** PEM of the CA, for https. */
  readonly ca?: string;
  readonly agent?: http.Agent;
}

/** Rejects when the connection breaks off before the answer is whole. */
export function request(url: string, settings: RequestSettings = {}): Promise<Answer> {
  const { method = settings.body === undefined ? 'GET' : 'POST', headers = {}, body, ca, agent } = settings;
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { ...framingOf(body), ...headers },
      ...(ca === undefined ? {} : { ca }),
      agent: agent ?? false, // a connection each
    };
    const client = url.startsWith('https:') ? https : http;
    const outgoing = client.request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const whole = Buffer.concat(chunks);
        const { statusCode: status = 0, headers, rawHeaders } = response;
        resolve({ status, headers, rawHeaders, body: whole, text: whole.toString() });
      });
    });
    outgoing.on('error', reject);
    if (Array.isArray(body)) for (const chunk of body) outgoing.write(chunk);
    outgoing.end(Buffer.isBuffer(body) ? body : undefined);
  });
}

function framingOf(body: RequestSettings['body']): OutgoingHttpHeaders {
  if (body === undefined) return {};
  return Buffer.isBuffer(body) ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' };
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Random bytes: nothing that a scanner knows, and no two alike. */
export const bytesOfSize = (size: number): Buffer => randomBytes(size);
