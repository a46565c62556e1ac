// The way to one ICAP service over TCP: OPTIONS once for however many wait, a pool of connections, one
// repeat when a reused connection turns out to be dead. RFC 3507 §4.10; K-01 … K-22.

import type { WeirError } from '../../errors.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import { DEFAULT_SPOOL } from '../../http/spool.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import { fieldValue } from '../codec/fields.ts';
import type { Adaptation, AdaptationMessage, AdaptationService } from './adaptation.ts';
import { UNMODIFIED_STATUS } from './adaptation.ts';
import type { ConnectionUser, IcapClientConnection } from './connection.ts';
import { IcapExchange } from './exchange.ts';
import type { ServiceOptions } from './options.ts';
import { readServiceOptions, requireMethod, transferFor, unquoted } from './options.ts';
import { IcapConnectionPool } from './pool.ts';

export interface IcapServiceClientOptions {
  readonly name: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Path and query, starting with `/`. */
  readonly path: string;
  /** For `Authorization: Basic` (C-04). */
  readonly user?: string | null;
  readonly password?: string | null;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Upper bound for the preview in bytes; null: what OPTIONS says. */
  readonly previewBytes?: number | null;
  readonly spool?: SpoolOptions;
  readonly userAgent: string;
  readonly ca?: readonly string[];
}

const MAX_PREVIEW = 64 * 1024; // bytes we are willing to hold as preview
const RETRY_OPTIONS_MS = 1000; // pause after OPTIONS failed, during which messages fail at once

export class IcapServiceClient implements AdaptationService {
  readonly name: string;
  readonly #options: IcapServiceClientOptions;
  readonly #pool: IcapConnectionPool;
  readonly #fields: string; // Host, User-Agent, Authorization
  #known: ServiceOptions | null = null;
  #fetching: Promise<ServiceOptions> | null = null;
  #failure: { error: WeirError; until: number } | null = null;

  constructor(options: IcapServiceClientOptions) {
    this.name = options.name;
    this.#options = options;
    this.#pool = new IcapConnectionPool(options);
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    const { user, password } = options;
    const basic = user == null ? '' : Buffer.from(`${user}:${password ?? ''}`).toString('base64');
    const authorization = basic === '' ? '' : `Authorization: Basic ${basic}\r\n`;
    this.#fields = ` icap${options.secure ? 's' : ''}://${host}:${options.port}${options.path} ICAP/1.0\r\nHost: ${host}:${options.port}\r\nUser-Agent: ${options.userAgent}\r\n${authorization}`;
  }

  async adapt(message: AdaptationMessage): Promise<Adaptation> {
    const now = performance.now();
    const known = this.#known;
    let options: ServiceOptions;
    if (known !== null && known.refreshAt > now) options = known;
    else if (known !== null) {
      options = known;
      this.#fetchOptions().catch(() => {}); // stale but usable: refresh beside the message
    } else options = await this.#fetchOptions();
    requireMethod(options, message.method, this.name);
    const transfer = transferFor(options, message.request.target);
    if (transfer === 'ignore') return ignored(message);
    return this.#send(message, options, transfer === 'preview');
  }

  /** OPTIONS as last received, or null. */
  get known(): ServiceOptions | null {
    return this.#known;
  }

  close(): void {
    this.#pool.close();
  }

  async #send(
    message: AdaptationMessage,
    options: ServiceOptions,
    previewWanted: boolean,
  ): Promise<Adaptation> {
    const preview =
      previewWanted && options.preview !== null
        ? Math.min(options.preview, this.#options.previewBytes ?? MAX_PREVIEW, MAX_PREVIEW)
        : null;
    let attempt = message;
    for (let again = false; ; again = true) {
      const connection = await this.#pool.acquire(again, message.cancellation);
      const reused = connection.exchanges > 0;
      if (message.cancellation.reason !== null) {
        this.#pool.release(connection); // nothing was sent on it
        throw message.cancellation.reason;
      }
      try {
        return await this.#exchange(attempt, connection, options, preview);
      } catch (error) {
        const dead = (error as WeirError).code === 'ERR_ADAPT_UNAVAILABLE' && reused && !connection.answered;
        if (again || !dead || message.cancellation.reason !== null) throw error;
        if (attempt.body !== null) {
          if (!attempt.body.intact) throw error;
          attempt = {
            ...attempt,
            body: new HeldBody(attempt.body.restream(), this.#options.spool ?? DEFAULT_SPOOL),
          };
        }
      }
    }
  }

  #exchange(
    message: AdaptationMessage,
    connection: IcapClientConnection,
    options: ServiceOptions,
    preview: number | null,
  ): Promise<Adaptation> {
    return new Promise((resolve, reject) => {
      const exchange = new IcapExchange(
        message,
        connection,
        { start: this.#start(message, options), preview, timeoutMs: this.#options.timeoutMs },
        {
          onAnswer: (adaptation) => {
            this.#noticeTag(adaptation.icapHeaders);
            resolve(adaptation);
          },
          onFailure: reject,
          onFinished: (reusable) => {
            if (reusable) this.#pool.release(connection);
            else connection.destroy();
          },
        },
      );
      exchange.start();
    });
  }

  #start(message: AdaptationMessage, options: ServiceOptions): string {
    let text = `${message.method}${this.#fields}Allow: 204\r\n`;
    const { include } = options;
    if (include.length === 0) return text;
    const { clientIp, serverIp, user } = message;
    if (clientIp !== null && include.includes('x-client-ip')) text += `X-Client-IP: ${clientIp}\r\n`;
    if (serverIp !== null && include.includes('x-server-ip')) text += `X-Server-IP: ${serverIp}\r\n`;
    if (user !== null && include.includes('x-authenticated-user')) {
      text += `X-Authenticated-User: ${Buffer.from(`Local://${user}`).toString('base64')}\r\n`;
    }
    return text;
  }

  /** A tag other than the known one: what OPTIONS said may not hold any more (K-06). */
  #noticeTag(icapHeaders: readonly string[]): void {
    const tag = fieldValue(icapHeaders, 'istag');
    const known = this.#known;
    if (tag === undefined || known === null || unquoted(tag) === known.istag || this.#fetching !== null)
      return;
    this.#fetchOptions().catch(() => {});
  }

  #fetchOptions(): Promise<ServiceOptions> {
    if (this.#fetching !== null) return this.#fetching;
    if (this.#failure !== null && this.#failure.until > performance.now())
      return Promise.reject(this.#failure.error);
    this.#fetching = this.#askOptions().then(
      (options) => {
        this.#fetching = null;
        this.#failure = null;
        this.#known = options;
        if (options.maxConnections !== null && options.maxConnections > 0) {
          this.#pool.maxConnections = options.maxConnections;
        }
        return options;
      },
      (error: WeirError) => {
        this.#fetching = null;
        this.#known = null;
        this.#failure = { error, until: performance.now() + RETRY_OPTIONS_MS };
        throw error;
      },
    );
    return this.#fetching;
  }

  async #askOptions(): Promise<ServiceOptions> {
    for (let again = false; ; again = true) {
      const connection = await this.#pool.acquire(again);
      const reused = connection.exchanges > 0;
      try {
        return readServiceOptions(await this.#exchangeOptions(connection), performance.now());
      } catch (error) {
        if (again || !reused || connection.answered) throw error;
      }
    }
  }

  #exchangeOptions(connection: IcapClientConnection): Promise<IcapResponseHead> {
    return new Promise((resolve, reject) => {
      let head: IcapResponseHead | null = null;
      let ended = false;
      const user: ConnectionUser = {
        onMessage: (received) => {
          head = received;
        },
        onData: () => {}, // an opt-body is read and dropped (K-05)
        onEnd: () => {
          ended = true;
        },
        afterRead: () => {
          if (!ended || head === null) return;
          if (head.close) connection.destroy();
          else this.#pool.release(connection);
          resolve(head);
        },
        onDrain: () => {},
        onLost: reject,
      };
      connection.assign(user, 'OPTIONS');
      connection.deadlineAt = performance.now() + this.#options.timeoutMs;
      connection.socket.write(`OPTIONS${this.#fields}\r\n`, 'latin1');
    });
  }
}

/** The service does not want to see this kind of file (Transfer-Ignore): nothing was sent. */
function ignored(message: AdaptationMessage): Adaptation {
  return {
    icapStatus: UNMODIFIED_STATUS,
    request: null,
    response: null,
    body: message.body?.restream() ?? null,
    icapHeaders: [],
    preview: null,
  };
}
