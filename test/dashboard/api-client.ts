// Asks the dashboard of a Weir in this process, as a program with the token or as a browser with its cookie.

import { once } from 'node:events';
import http from 'node:http';
import { WebSocket } from 'ws';
import type { LiveMessage, LiveSubscribe } from '../../src/dashboard/api/types.ts';
import type { LocalWeir } from '../support/weir.ts';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** Parsed; null for what is no JSON. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it asks for
  readonly json: any;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON; a string as it is. */
  readonly body?: unknown;
}

export class ApiClient {
  readonly port: number;
  readonly #token: string;

  constructor({ weir }: Pick<LocalWeir, 'weir'>) {
    this.port = weir.dashboard!.port;
    this.#token = weir.dashboard!.token;
  }

  get token(): string {
    return this.#token;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** With the token; and with what a change needs. */
  ask(path: string, { headers = {}, ...rest }: Asking = {}): Promise<Reply> {
    const own = { authorization: `Bearer ${this.#token}`, 'x-weir-request': '1' };
    return this.raw(path, { ...rest, headers: { ...own, ...headers } });
  }

  /** Nothing but what is given. */
  async raw(path: string, { method = 'GET', headers = {}, body }: Asking = {}): Promise<Reply> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const request = http.request({
      ...{ host: '127.0.0.1', port: this.port, path, method, agent: false },
      headers: {
        ...type,
        ...headers,
        ...(text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }),
      },
    });
    request.end(text);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    const received = Buffer.concat(pieces).toString();
    return {
      status: response.statusCode!,
      headers: response.headers,
      text: received,
      json: parsed(received),
    };
  }

  /** Cookie of a session, as a browser gets it. */
  async cookie(): Promise<string> {
    const { headers } = await this.raw(`/?token=${this.#token}`);
    return headers['set-cookie']![0]!.split(';', 1)[0]!;
  }

  /** A viewer of the live feed that has been let in. */
  async watch(headers: Record<string, string> = {}): Promise<LiveClient> {
    const own = { cookie: await this.cookie(), origin: this.origin };
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}/api/live`, { headers: { ...own, ...headers } });
    const client = new LiveClient(socket);
    await once(socket, 'open');
    return client;
  }

  /** What somebody is answered who is not let in. */
  async refusedUpgrade(headers: Record<string, string>, path = '/api/live'): Promise<number> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}${path}`, { headers });
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage];
    response.destroy();
    return response.statusCode!;
  }
}

export class LiveClient implements Disposable {
  readonly socket: WebSocket;
  readonly messages: LiveMessage[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      this.messages.push(JSON.parse(String(data)) as LiveMessage);
      for (const look of this.#waiting) look();
    });
  }

  subscribe(message: Omit<LiveSubscribe, 'type'>): void {
    this.socket.send(JSON.stringify({ type: 'subscribe', ...message }));
  }

  /** Resolves with the first message that fits, seen already or to come. */
  async hears<T extends LiveMessage['type']>(
    type: T,
    fits: (message: Extract<LiveMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<LiveMessage, { type: T }>> {
    for (;;) {
      for (const message of this.messages) {
        const of = message as Extract<LiveMessage, { type: T }>;
        if (message.type === type && fits(of)) return of;
      }
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
