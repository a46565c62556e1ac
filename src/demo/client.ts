// The lab's client: what a browser behind the proxy does, by hand. It asks the proxy for a tunnel, speaks TLS
// inside, verifies the certificate that it is shown, and keeps that certificate for the story.

import { createHash, type X509Certificate } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { HttpError, messageOf } from '../errors.ts';

const TIMEOUT_MS = 15_000; // for one request, or one WebSocket
const MAX_BODY = 8 * 1024 * 1024; // bytes

export interface LabAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Common name of whoever signed the certificate, and its SHA-256 in hex pairs. */
  readonly issuer: string;
  readonly fingerprint256: string;
  /** SHA-256 of the certificate's key (SubjectPublicKeyInfo) in base64, as browsers name keys. */
  readonly keyHash: string;
}

export interface LabRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** What a WebSocket came to. */
export interface LabConversation {
  readonly received: readonly string[];
  readonly closeCode: number;
}

export class LabClient {
  readonly #proxyPort: number;
  readonly #trusted: readonly string[];

  /** @param trusted  PEM of the CAs that it trusts: the one of Weir, and for what is spliced the origin's */
  constructor(proxyPort: number, trusted: readonly string[]) {
    this.#proxyPort = proxyPort;
    this.#trusted = trusted;
  }

  /**
   * Sends one request over a tunnel of its own.
   * @throws {HttpError} `ERR_DEMO_CLIENT`, with what happened: the tunnel was refused, its certificate
   *         is not trusted, the answer broke off, or took longer than 15 s
   */
  async request(url: string, { method = 'GET', headers = {}, body }: LabRequest = {}): Promise<LabAnswer> {
    const target = new URL(url);
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const socket = await this.#tunnel(target, signal);
      try {
        const { issuer, fingerprint256 } = socket.getPeerCertificate();
        const keyHash = hashOfKey(socket.getPeerX509Certificate()!);
        const length = body === undefined ? {} : { 'Content-Length': String(body.length) };
        const response = await answerTo(target, socket, body, {
          method,
          headers: { 'User-Agent': 'Mozilla/5.0 (weir demo)', Accept: '*/*', ...headers, ...length },
          signal,
        });
        const bytes = await bodyOf(response);
        const { statusCode = 0, headers: fields } = response;
        return {
          status: statusCode,
          headers: fields,
          body: bytes,
          issuer: String(issuer.CN),
          fingerprint256,
          keyHash,
        };
      } finally {
        socket.destroy();
      }
    } catch (error) {
      throw failure(target, error);
    }
  }

  /**
   * Opens a WebSocket and sends texts one after the other, each when the one before was answered.
   * @throws {HttpError} as request
   */
  async converse(url: string, texts: readonly string[]): Promise<LabConversation> {
    const target = new URL(url);
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const socket = await this.#tunnel(target, signal);
      return await conversation(target, socket, texts, signal);
    } catch (error) {
      throw failure(target, error);
    }
  }

  async #tunnel(target: URL, signal: AbortSignal): Promise<TLSSocket> {
    const socket = await this.#connect(target.host, signal);
    return new Promise((resolve, reject) => {
      const secure = tlsConnect({
        socket,
        servername: target.hostname,
        ca: [...this.#trusted],
        ALPNProtocols: ['http/1.1'],
      });
      secure.once('secureConnect', () => resolve(secure));
      secure.on('error', reject); // also stays for what comes later
      signal.addEventListener('abort', () => secure.destroy(new Error('no answer in time')));
    });
  }

  #connect(authority: string, signal: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const connect = httpRequest({
        ...{ host: '127.0.0.1', port: this.#proxyPort, method: 'CONNECT', path: authority },
        headers: { Host: authority },
        signal,
      });
      connect.once('connect', (response, socket) => {
        if (response.statusCode === 200) return resolve(socket);
        socket.destroy();
        reject(new Error(`the proxy answered CONNECT with ${response.statusCode}`));
      });
      connect.on('error', reject);
      connect.end();
    });
  }
}

function answerTo(
  target: URL,
  socket: Socket,
  body: Buffer | undefined,
  options: { method: string; headers: Record<string, string>; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      ...options,
      ...{ createConnection: () => socket, host: target.hostname, port: target.port },
      path: `${target.pathname}${target.search}`,
    });
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

function hashOfKey({ publicKey }: X509Certificate): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY) throw new Error(`the answer is longer than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function conversation(
  target: URL,
  socket: Socket,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<LabConversation> {
  return new Promise((resolve, reject) => {
    const received: string[] = [];
    const left = [...texts];
    const webSocket = new WebSocket(`wss://${target.host}${target.pathname}`, {
      createConnection: () => socket as never, // the tunnel is there already
      perMessageDeflate: false,
    });
    const sendNext = (): void => {
      const text = left.shift();
      if (text === undefined) webSocket.close(1000);
      else webSocket.send(text);
    };
    webSocket.on('open', sendNext);
    webSocket.on('message', (data: Buffer) => {
      received.push(data.toString());
      sendNext();
    });
    webSocket.on('close', (closeCode) => resolve({ received, closeCode }));
    webSocket.on('error', reject);
    signal.addEventListener('abort', () => {
      webSocket.terminate();
      reject(new Error('no answer in time'));
    });
  });
}

function failure(target: URL, error: unknown): HttpError {
  const url = `${target.origin}${target.pathname}`;
  const message = `the lab's client got no answer from ${url}: ${messageOf(error)}`;
  return new HttpError('ERR_DEMO_CLIENT', message, { url }, error);
}
