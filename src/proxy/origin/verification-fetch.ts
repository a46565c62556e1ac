// Fetches what certificates refer to: certificates above them (AIA) and revocation lists. Plain http only, as
// what is fetched is signed and https would need a certificate in turn; small, brief, once for all who ask.
// Connections are the proxy's own, so that targets.deny, parents and overrides hold here too.

import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { parseHost } from '../../util/authority.ts';
import type { OriginTarget } from './engine.ts';

const TIMEOUT_MS = 5_000; // for all of it, redirects included
const MAX_REDIRECTS = 3;
const MAX_ENTRIES = 200;
const FAILED_MS = 600_000; // a fetch that failed is not tried again for so long
const MAX_FETCHES = 16; // at a time; more are given up
const MAX_URL = 2_048; // characters

export type ConnectPlain = (target: OriginTarget) => Promise<Socket>;

export class CertificateFetcher<T> {
  readonly #agent: Agent;
  readonly #maxBytes: number;
  readonly #read: (bytes: Buffer) => Promise<T | null>;
  readonly #found: LRUCache<string, { value: T | null; until: number }>;
  readonly #running = new Map<string, Promise<T | null>>();

  /**
   * @param maxBytes  of a response
   * @param read  makes something of a response; null: it is of no use. Must not reject
   * @param lifeMs  how long that is kept
   */
  constructor(
    connect: ConnectPlain,
    maxBytes: number,
    read: (bytes: Buffer) => Promise<T | null>,
    life: { readonly lifeMs: (value: T) => number; readonly maxEntries?: number },
  ) {
    this.#agent = agentOver(connect);
    this.#maxBytes = maxBytes;
    this.#read = read;
    this.#lifeMs = life.lifeMs;
    this.#found = new LRUCache({ max: life.maxEntries ?? MAX_ENTRIES });
  }

  readonly #lifeMs: (value: T) => number;

  /** What the URL leads to; null where it cannot be had. Never rejects. */
  async get(url: string): Promise<T | null> {
    const found = this.#found.get(url);
    if (found !== undefined && Date.now() < found.until) return found.value;
    const running = this.#running.get(url);
    if (running !== undefined) return running;
    if (!isFetchable(url) || this.#running.size >= MAX_FETCHES) return null;
    const fetching = this.#fetch(url).finally(() => this.#running.delete(url));
    this.#running.set(url, fetching);
    return fetching;
  }

  async #fetch(url: string): Promise<T | null> {
    let value: T | null = null;
    try {
      const bytes = await download(url, this.#agent, this.#maxBytes);
      value = await this.#read(bytes);
    } catch {
      // Whatever the reason: there is nothing to go on.
    }
    const life = value === null ? FAILED_MS : this.#lifeMs(value);
    this.#found.set(url, { value, until: Date.now() + life });
    return value;
  }
}

/** @throws {Error} no connection, status, size, time */
async function download(url: string, agent: Agent, maxBytes: number): Promise<Buffer> {
  const { got } = await import('got'); // takes 60 ms to load, and most never need it
  const request = got.stream(url, {
    agent: { http: agent },
    timeout: { request: TIMEOUT_MS },
    retry: { limit: 0 },
    maxRedirects: MAX_REDIRECTS,
    decompress: false,
    headers: { 'user-agent': 'weir' },
    hooks: {
      beforeRedirect: [
        ({ url: next }) => {
          if (!isFetchable(String(next))) throw new Error('redirected to another scheme');
        },
      ],
    },
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maxBytes) {
      request.destroy();
      throw new Error(`more than ${maxBytes} bytes`);
    }
  }
  return Buffer.concat(chunks);
}

function isFetchable(url: string): boolean {
  if (url.length > MAX_URL || !/^http:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { hostname, username, password } = new URL(url);
  return parseHost(hostname.replace(/^\[|\]$/g, '')) !== null && username === '' && password === '';
}

/** Connections of node:http that the connector opens. */
function agentOver(connect: ConnectPlain): Agent {
  const agent = new Agent({ keepAlive: false, maxSockets: MAX_FETCHES });
  agent.createConnection = (options, opened) => {
    const { host, port } = options as { host?: string | null; port?: number | string | null };
    const name = parseHost(host ?? '')?.host ?? '';
    connect({ secure: false, host: name, port: Number(port ?? 80), serverName: name }).then(
      (socket) => opened?.(null, socket),
      (error: Error) => opened?.(error, undefined as never),
    );
    return undefined;
  };
  return agent;
}
