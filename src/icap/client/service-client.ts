// The way to one ICAP service over TCP, TLS or a Unix socket: sends a message, again where that is safe, and
// keeps what is known of the service. What is said on a connection is exchange.ts, when OPTIONS is asked
// options-keeper.ts, whether messages may go health.ts. RFC 3507 §4.10; K-01 … K-22.

import type { WeirError } from '../../errors.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { ExchangeNote } from '../../trace/notes.ts';
import { fieldValue } from '../codec/fields.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import type { Adaptation, AdaptationMessage, AdaptationService } from './adaptation.ts';
import { UNMODIFIED_STATUS } from './adaptation.ts';
import type { IcapClientConnection } from './connection.ts';
import type { IcapEndpoint } from './connector.ts';
import type { ExchangeOptions } from './exchange.ts';
import { IcapExchange } from './exchange.ts';
import type { HealthStatus } from './health.ts';
import { isServiceFailure, ServiceHealth } from './health.ts';
import type { IdentityOptions } from './identity.ts';
import { DEFAULT_IDENTITY } from './identity.ts';
import { exchangeOptions, type OptionsAnswer } from './options-exchange.ts';
import { OptionsKeeper } from './options-keeper.ts';
import { methodRefusal, readServiceOptions, type ServiceOptions, transferFor, unquoted } from './options.ts';
import { IcapConnectionPool, type PoolCounts } from './pool.ts';
import { Redaction } from './redaction.ts';
import { allowField, type Allowance, ALLOWANCES, RequestFields } from './request-fields.ts';

export interface IcapServiceClientOptions extends IcapEndpoint {
  readonly name: string;
  /** Path and query, starting with `/`. */
  readonly path: string;
  /** For `Authorization: Basic` (C-04). */
  readonly user?: string | null;
  readonly password?: string | null;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Upper bound for the preview in bytes; null: what OPTIONS says; false: no preview at all. */
  readonly previewBytes?: number | false | null;
  /** Bodies that are longer than its total cannot be kept, and are sent without `Allow: 204`. */
  readonly spool?: SpoolOptions;
  readonly userAgent: string;
  /** Connections open at once, whatever the server would allow; null: what OPTIONS says. */
  readonly maxConnections?: number | null;
  /** Whether a message waits for a connection when all are busy. Default true. */
  readonly waits?: boolean;
  /** Messages that fail in a row before the service is suspended. Default 10, as Squid's. */
  readonly failureLimit?: number;
  /** Further attempts with a message whose service failed before it answered (K-21). Default 0. */
  readonly retries?: number;
  /** What is offered to the server; 206 and trailers are used where it agrees. Default: all. */
  readonly allow?: readonly Allowance[];
  /** HTTP trailers of a message: `auto` stops sending them to a server that closes on them. Default `auto`. */
  readonly sendTrailers?: boolean | 'auto';
  readonly identity?: IdentityOptions;
  /** Names of HTTP fields whose values the server does not see. */
  readonly redact?: readonly string[];
  readonly strict?: boolean;
  /** It is our own gateway: asked for findings where notes are taken. Default false. */
  readonly isOurs?: boolean;
  /** Told when the service changes its state. */
  readonly onHealth?: (status: HealthStatus) => void;
  /** Told once of each peculiarity of the server that somebody should know of. */
  readonly onNotice?: (text: string) => void;
  /** Told each time that a message is sent to it once more. */
  readonly onRepeat?: (reason: RepeatReason) => void;
}

/** A connection was found dead; it closes on trailers, which are left out now; the service failed. */
export type RepeatReason = 'reconnect' | 'trailers' | 'failure';

/** A service with everything that is known of it. */
export interface IcapServiceStatus extends HealthStatus {
  readonly name: string;
  /** Without user and password. */
  readonly url: string;
  readonly options: ServiceOptions | null;
  readonly connections: PoolCounts;
}

const MAX_PREVIEW = 64 * 1024; // bytes we are willing to hold as preview
const FAILURE_LIMIT = 10;

/** What is left to try with one message. */
interface Attempts {
  /** A reused connection was found dead. */
  reconnected: boolean;
  /** Closed on trailers: they are left out now. */
  bare: boolean;
  retries: number;
}

export class IcapServiceClient implements AdaptationService {
  readonly name: string;
  readonly remote = true;
  /** The last answer to OPTIONS as it came, whatever it said; null: there was none. */
  optionsAnswer: OptionsAnswer | null = null;
  readonly #options: IcapServiceClientOptions;
  readonly #pool: IcapConnectionPool;
  readonly #common: string; // of each request: URI, Host, User-Agent, Authorization
  readonly #allow: readonly Allowance[];
  readonly #redaction: Redaction | null;
  readonly #keeper: OptionsKeeper;
  readonly #health: ServiceHealth;
  readonly #noticed = new Set<string>();
  #fields: RequestFields | null = null; // of the OPTIONS answer that holds
  #bearsTrailers = true;

  /** @throws {IcapError} `ERR_ADAPT_TLS`: certificate, key or CA cannot be used */
  constructor(options: IcapServiceClientOptions) {
    this.name = options.name;
    this.#options = options;
    this.#pool = new IcapConnectionPool(options);
    this.#allow = options.allow ?? ALLOWANCES;
    const { redact = [] } = options;
    this.#redaction = redact.length === 0 ? null : new Redaction(redact);
    this.#keeper = new OptionsKeeper({
      ask: () => this.#askOptions(),
      onAnswer: (known) => this.#adopt(known),
      onFailure: (error) => this.#health.optionsFailed(error),
    });
    this.#health = new ServiceHealth({
      failureLimit: options.failureLimit ?? FAILURE_LIMIT,
      probe: () => this.#keeper.fetch(),
      onChange: options.onHealth ?? (() => {}),
    });
    const { user, password } = options;
    const basic = user == null ? '' : Buffer.from(`${user}:${password ?? ''}`).toString('base64');
    const authorization = basic === '' ? '' : `Authorization: Basic ${basic}\r\n`;
    const authority = authorityOf(options);
    this.#common = ` icap${options.secure ? 's' : ''}://${authority}${options.path} ICAP/1.0\r\nHost: ${authority}\r\nUser-Agent: ${options.userAgent}\r\n${authorization}`;
  }

  /** Messages may be sent to it: it is up, or was not asked yet. */
  get available(): boolean {
    return this.#health.refusal === null;
  }

  status(): IcapServiceStatus {
    const { secure, socketPath, path } = this.#options;
    const base =
      socketPath == null
        ? `icap${secure ? 's' : ''}://${authorityOf(this.#options)}`
        : `icap+unix:${socketPath}?`;
    return {
      name: this.name,
      url: `${base}${path}`,
      ...this.#health.status(),
      options: this.known,
      connections: this.#pool.counts(),
    };
  }

  /** Not an async function: each of those costs a message in a hurry two turns of the microtask queue. */
  adapt(message: AdaptationMessage): Promise<Adaptation> {
    const refusal = this.#health.refusal;
    if (refusal !== null) return Promise.reject(refusal);
    const current = this.#keeper.current();
    if (current instanceof Promise) return current.then((options) => this.#adaptWith(options, message));
    return this.#adaptWith(current, message);
  }

  #adaptWith(options: ServiceOptions, message: AdaptationMessage): Promise<Adaptation> {
    const refusal = methodRefusal(options, message.method, this.name);
    if (refusal !== null) return Promise.reject(refusal);
    const transfer = transferFor(options, message.request.target);
    if (transfer === 'ignore') return Promise.resolve(ignored(message));
    const preview = transfer === 'preview' ? this.#previewFor(options) : null;
    const redaction = this.#redaction;
    if (redaction === null) return this.#send(message, preview);
    return this.#send(redaction.redacted(message), preview).then((adaptation) =>
      redaction.restored(adaptation, message),
    );
  }

  /** OPTIONS as last received, or null. */
  get known(): ServiceOptions | null {
    return this.#keeper.known;
  }

  istag(): string | null {
    return this.known?.istag ?? null;
  }

  /** What the service says of itself, asked for where it is not known or out of date. @throws {IcapError} `ERR_ADAPT_…` */
  async describe(): Promise<ServiceOptions> {
    return this.#keeper.current();
  }

  close(): void {
    this.#health.close();
    this.#pool.close();
  }

  // --- one message ---

  #previewFor(options: ServiceOptions): number | null {
    const own = this.#options.previewBytes ?? MAX_PREVIEW;
    return options.preview === null || own === false ? null : Math.min(options.preview, own, MAX_PREVIEW);
  }

  async #send(message: AdaptationMessage, preview: number | null): Promise<Adaptation> {
    const keeps = this.#canKeep(message);
    const left: Attempts = { reconnected: false, bare: false, retries: this.#options.retries ?? 0 };
    let attempt = message;
    // Whoever cannot be asked again gets a connection that nobody can have closed meanwhile (K-22).
    for (let fresh = !keeps; ; fresh = true) {
      const note = message.note?.exchange(this.#options.socketPath ?? authorityOf(this.#options)) ?? null;
      const idle = fresh ? null : this.#pool.takeIdle();
      const connection = idle ?? (await this.#acquire(fresh, message, note));
      const reused = connection.exchanges > 0;
      note?.has(reused ? null : connection.openedMs);
      if (message.cancellation.reason !== null) {
        this.#pool.release(connection); // nothing was sent on it
        throw message.cancellation.reason;
      }
      try {
        const adaptation = await this.#exchange(attempt, connection, preview, keeps, left, note);
        note?.ends(adaptation.preview, null);
        if (left.bare) this.#onTrailersRefused();
        return adaptation;
      } catch (error) {
        note?.ends(null, error as WeirError);
        if (message.cancellation.reason !== null) throw error;
        const again = this.#repeats(error as WeirError, connection, reused, left);
        if (again === null) throw error;
        if (attempt.body !== null) {
          if (!attempt.body.intact) throw error;
          attempt = { ...attempt, body: attempt.body.renewed() };
        }
        this.#options.onRepeat?.(again);
      }
    }
  }

  /** False where the original is surely longer than may be kept. */
  #canKeep({ body }: AdaptationMessage): boolean {
    const limit = this.#options.spool?.totalBytes;
    if (limit === undefined || body === null) return true;
    return (body.size ?? body.declaredLength ?? 0) <= limit;
  }

  /** Why it may be tried again; null where it may not. */
  #repeats(
    error: WeirError,
    connection: IcapClientConnection,
    reused: boolean,
    left: Attempts,
  ): RepeatReason | null {
    if (isDead(error, connection, reused) && !left.reconnected) {
      left.reconnected = true;
      return 'reconnect';
    }
    if (this.#maySpareTrailers(error, connection) && !left.bare) {
      left.bare = true;
      return 'trailers';
    }
    return isServiceFailure(error) && left.retries-- > 0 ? 'failure' : null;
  }

  /** c-icap closes on trailers, and says 408 first where it still can (V-16). */
  #maySpareTrailers(error: WeirError, connection: IcapClientConnection): boolean {
    const { sendTrailers = 'auto' } = this.#options;
    if (sendTrailers !== 'auto' || !connection.sentTrailers) return false;
    const { icapStatus } = error.fields;
    return error.code === 'ERR_ADAPT_UNAVAILABLE' || icapStatus === 408 || icapStatus === 400;
  }

  #onTrailersRefused(): void {
    this.#bearsTrailers = false;
    this.#notice('closes the connection on HTTP trailers: they are not sent to it any more');
  }

  async #acquire(
    fresh: boolean,
    message: AdaptationMessage,
    note: ExchangeNote | null,
  ): Promise<IcapClientConnection> {
    try {
      return await this.#pool.acquire(fresh, message.cancellation, this.#options.waits ?? true);
    } catch (error) {
      note?.ends(null, error as WeirError);
      const { reason } = message.cancellation;
      if (reason === null && isServiceFailure(error as WeirError)) this.#health.failed(error as WeirError);
      throw error;
    }
  }

  #exchange(
    message: AdaptationMessage,
    connection: IcapClientConnection,
    preview: number | null,
    keeps: boolean,
    left: Attempts,
    note: ExchangeNote | null,
  ): Promise<Adaptation> {
    const reused = connection.exchanges > 0;
    const fields = this.#fields!;
    const { sendTrailers = 'auto', timeoutMs } = this.#options;
    const bare = sendTrailers === false || (sendTrailers === 'auto' && (left.bare || !this.#bearsTrailers));
    const options: ExchangeOptions = {
      start: fields.start(message, keeps),
      preview,
      keeps,
      timeoutMs,
      note,
      trailers: bare ? null : this.#trailersToSend,
      allows204: keeps && fields.allows204,
      allows206: keeps && fields.allows206,
    };
    return new Promise((resolve, reject) => {
      const exchange = new IcapExchange(message, connection, options, {
        onAnswer: (adaptation) => {
          this.#health.succeeded();
          const tag = fieldValue(adaptation.icapHeaders, 'istag');
          if (tag !== undefined) this.#keeper.noticeTag(unquoted(tag));
          resolve(adaptation);
        },
        onFailure: (error) => {
          // A dead reused connection says nothing of the service (K-20), nor does one that trailers ended.
          const repeated = isDead(error, connection, reused) || this.#maySpareTrailers(error, connection);
          if (!repeated && isServiceFailure(error)) this.#health.failed(error);
          reject(error);
        },
        onUndue: (status) => this.#notice(`answers ${status} where the request does not allow it`),
        onBroken: (error) => {
          // Too late for this message; the next one does without.
          if (this.#maySpareTrailers(error, connection)) this.#onTrailersRefused();
          if (isServiceFailure(error)) this.#health.failed(error);
        },
        onFinished: (reusable) => {
          if (reusable) this.#pool.release(connection);
          else connection.destroy();
        },
      });
      exchange.start();
    });
  }

  readonly #trailersToSend = (trailers: RawHeaders): RawHeaders =>
    this.#redaction === null ? trailers : this.#redaction.withoutFields(trailers);

  // --- OPTIONS ---

  #adopt(options: ServiceOptions): void {
    const { maxConnections, identity = DEFAULT_IDENTITY, isOurs } = this.#options;
    this.#fields = new RequestFields(this.#common, this.#allow, identity, options, isOurs);
    const servers = options.maxConnections ?? 0;
    if (servers > 0) this.#pool.maxConnections = Math.min(servers, maxConnections ?? Infinity);
    if (options.methods === null) this.#notice('does not say in OPTIONS which methods it offers');
    this.#health.optionsSucceeded();
  }

  async #askOptions(): Promise<ServiceOptions> {
    const request = `OPTIONS${this.#common}${allowField(this.#allow)}\r\n`;
    const release = (connection: IcapClientConnection): void => this.#pool.release(connection);
    for (let again = false; ; again = true) {
      const connection = await this.#pool.acquire(again);
      const reused = connection.exchanges > 0;
      try {
        const { timeoutMs } = this.#options;
        this.optionsAnswer = await exchangeOptions(connection, request, timeoutMs, release);
        return readServiceOptions(this.optionsAnswer.head, performance.now());
      } catch (error) {
        if (again || !isDead(error as WeirError, connection, reused)) throw error;
      }
    }
  }

  /** Once for each text. */
  #notice(text: string): void {
    if (this.#noticed.has(text)) return;
    this.#noticed.add(text);
    this.#options.onNotice?.(text);
  }
}

/** A reused connection that the server had closed, or was about to close: e2guardian says 408 then (V-19). */
function isDead(error: WeirError, connection: IcapClientConnection, reused: boolean): boolean {
  if (!reused) return false;
  if (error.code === 'ERR_ADAPT_STATUS') return error.fields['icapStatus'] === 408;
  return error.code === 'ERR_ADAPT_UNAVAILABLE' && !connection.answered;
}

/** Of the request line and Host. A Unix socket has none: it is this machine. */
function authorityOf({ host, port, socketPath }: IcapEndpoint): string {
  if (socketPath != null) return 'localhost';
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
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
    ignored: true,
  };
}
