// An ICAP server that does what a test tells it to, byte by byte, for answers that no real one gives;
// and messages to send to it.

import type { Socket } from 'node:net';
import { rawOrigin } from '../../support/originServer.ts';
import { Body, collectBody } from '../../../src/http/body.ts';
import { HeldBody } from '../../../src/http/held-body.ts';
import type { Adaptation, AdaptationMessage } from '../../../src/icap/client/adaptation.ts';
import { IcapServiceClient } from '../../../src/icap/client/service-client.ts';
import { formatRequestHead } from '../../../src/icap/codec/http-head.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';

export const CONTINUE = 'ICAP/1.0 100 Continue\r\nISTag: "t1"\r\n\r\n';
export const NO_CONTENT = 'ICAP/1.0 204 No Content\r\nISTag: "t1"\r\nEncapsulated: null-body=0\r\n\r\n';

const PAGE_HEAD = 'HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n';
/** Start of a 200 that answers with a page of its own; chunks follow. */
export const PAGE_START =
  `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Bad;\r\n` +
  `Encapsulated: res-hdr=0, res-body=${PAGE_HEAD.length}\r\n\r\n${PAGE_HEAD}`;
export const PAGE = `${PAGE_START}7\r\nblocked\r\n0\r\n\r\n`;

/** An answer to OPTIONS with further fields. */
export function optionsAnswer(fields: readonly string[] = ['Preview: 4'], istag = 't1'): string {
  const own = ['Methods: REQMOD, RESPMOD', `ISTag: "${istag}"`, 'Allow: 204', 'Encapsulated: null-body=0'];
  return `ICAP/1.0 200 OK\r\n${[...own, ...fields].map((field) => `${field}\r\n`).join('')}\r\n`;
}

/** One connection of the client. */
export class IcapConversation {
  /** Counts from 1. */
  readonly number: number;
  readonly socket: Socket;
  #received = '';
  #closed = false;
  #wake: () => void = () => {};

  constructor(socket: Socket, number: number) {
    this.socket = socket;
    this.number = number;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#closed = true;
        this.#wake();
      });
    }
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Removes and returns what was received up to the end of the first match. Rejects when the client closes. */
  async read(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#received);
      if (match !== null) {
        const end = match.index + match[0].length;
        const text = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return text;
      }
      if (this.#closed) throw new Error(`the client closed before ${pattern}: ${this.#received}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The rest of a body behind 100, with its last chunk. */
  readRest(): Promise<string> {
    return this.read(/(?:^|\r\n)0\r\n\r\n/);
  }

  /** Resolves with what is left when the client has closed. */
  async closed(): Promise<string> {
    while (!this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#received;
  }

  /** An ICAP head, its encapsulated heads and, if there is a preview, that with its last chunk. */
  async readRequest(endOfPreview = /(?:^|\r\n)0(?:; ieof)?\r\n\r\n/): Promise<string> {
    let text = await this.read(/\r\n\r\n/);
    const encapsulated = /Encapsulated: (.*)\r\n/.exec(text)?.[1] ?? '';
    for (const _ of encapsulated.match(/-hdr=/g) ?? []) text += await this.read(/\r\n\r\n/);
    if (!encapsulated.includes('null-body=') && text.includes('\r\nPreview: ')) {
      text += await this.read(endOfPreview);
    }
    return text;
  }
}

export interface ScriptedIcap extends AsyncDisposable {
  readonly port: number;
  connections(): number;
  /** Requests for OPTIONS that came. */
  optionsRequests(): number;
  client(more?: Partial<ConstructorParameters<typeof IcapServiceClient>[0]>): IcapServiceClient;
}

export interface ScriptOptions {
  /** How OPTIONS is answered; default 204 allowed and a preview of 4 bytes. */
  readonly options?: (request: string) => string | Promise<string>;
  /** How previews end; default: without trailers. */
  readonly endOfPreview?: RegExp;
}

/**
 * Answers OPTIONS by itself and runs `script` for each request after it.
 * @param script called with the connection and the text of the request, up to the end of its preview
 */
export async function scriptedIcap(
  script: (peer: IcapConversation, request: string, index: number) => Promise<void> | void,
  { options = () => optionsAnswer(), endOfPreview }: ScriptOptions = {},
): Promise<ScriptedIcap> {
  let connections = 0;
  let optionsRequests = 0;
  let index = 0;
  const serve = async (peer: IcapConversation): Promise<void> => {
    for (;;) {
      const request = await peer.readRequest(endOfPreview);
      if (request.startsWith('OPTIONS ')) {
        optionsRequests++;
        peer.send(await options(request));
      } else await script(peer, request, index++);
    }
  };
  const server = await rawOrigin((socket) => {
    // The client has closed, or the script is over.
    serve(new IcapConversation(socket, ++connections)).catch(() => socket.destroy());
  });
  const clients: IcapServiceClient[] = [];
  return {
    port: server.port,
    connections: () => connections,
    optionsRequests: () => optionsRequests,
    client: (more = {}) => {
      const client = new IcapServiceClient({
        ...{ name: 'scripted', secure: false, host: '127.0.0.1', port: server.port, path: '/scan' },
        ...{ timeoutMs: 5000, connectTimeoutMs: 2000, userAgent: 'test', ...more },
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}

/** A RESPMOD of a page with that body. */
export function respmod(
  body: Body | Buffer | null,
  more: Partial<AdaptationMessage> = {},
): AdaptationMessage {
  const request = {
    method: 'GET',
    target: 'http://origin.test/page.html',
    version: '1.1',
    headers: ['Host', 'origin.test'],
  };
  const held = body === null ? null : new HeldBody(body instanceof Body ? body : Body.of(body));
  return {
    method: 'RESPMOD',
    request,
    requestText: formatRequestHead(request),
    response: { version: '1.1', status: 200, reason: 'OK', headers: ['Content-Type', 'text/html'] },
    body: held,
    clientIp: null,
    serverIp: null,
    user: null,
    cancellation: new Cancellation(),
    ...more,
  };
}

/** All bytes of the answer's body. */
export async function bodyOf(adaptation: Adaptation): Promise<Buffer> {
  return adaptation.body === null ? Buffer.alloc(0) : collectBody(adaptation.body, 64 * 2 ** 20);
}
