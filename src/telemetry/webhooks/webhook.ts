// Delivers incidents to one receiver: in their order, one at a time, again and again until it takes them, with
// growing pauses while it does not. What waits is on disk. A delivery may come twice (its answer was lost); its
// `Weir-Delivery` is the same then.

import { messageOf } from '../../errors.ts';
import { WEIR_VERSION } from '../../util/version.ts';
import { FloodGuard } from '../flood-guard.ts';
import type { Incident, IncidentSink } from '../incidents.ts';
import { DiskQueue } from './disk-queue.ts';
import type { QueuedEntry } from './disk-queue.ts';
import { webhookMessage } from './message.ts';
import { webhookSignature } from './signature.ts';

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  readonly secret: string;
  readonly events: readonly Incident['kind'][];
  /** Of this webhook alone. */
  readonly folder: string;
  /** PEM texts of further authorities that vouch for the receiver; empty: the system's. */
  readonly ca: readonly string[];
  readonly timeoutMs: number;
  /** Deliveries that wait, their bytes and age. */
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Resolves when nobody else works on the folder; default: at once. */
  readonly after?: Promise<unknown>;
  /** First pause after a failure; doubles up to 5 minutes. Default 1000. */
  readonly pauseMs?: number;
}

export type WebhookLog = (level: 'info' | 'warn', message: string, fields: object) => void;

const PAUSE_MS = 1000;
const MAX_PAUSE_MS = 300_000;
const MAX_UNWRITTEN = 1000; // incidents that are not on disk yet
/** The receiver says that this very delivery is not for it: the next may be. */
const REFUSED = new Set([400, 410, 413, 422]);

export class Webhook implements IncidentSink {
  readonly options: WebhookOptions;
  readonly #log: WebhookLog;
  readonly #queue: DiskQueue;
  readonly #floods = new FloodGuard();
  readonly #stopped = new AbortController();
  #writing: Promise<void>;
  #unwritten = 0;
  #sending: Promise<void> | null = null;
  #failures = 0;
  #pause: NodeJS.Timeout | null = null;
  /** Incidents that the receiver has refused, or that could not be kept. */
  #lost = 0;

  constructor(options: WebhookOptions, log: WebhookLog) {
    this.options = options;
    this.#log = log;
    const { folder, maxEntries, maxBytes, maxAgeMs, after } = options;
    this.#queue = new DiskQueue(folder, { entries: maxEntries, bytes: maxBytes, ageMs: maxAgeMs });
    this.#writing = Promise.resolve(after)
      .then(() => this.#queue.open())
      .catch((error: unknown) => this.#onDisk(error))
      .then(() => this.#wake());
  }

  /** Incidents that will not be delivered any more. */
  get dropped(): number {
    return this.#lost + this.#queue.dropped;
  }

  get waiting(): number {
    return this.#queue.length + this.#unwritten;
  }

  incident(incident: Incident): void {
    if (!this.options.events.includes(incident.kind) || this.#stopped.signal.aborted) return;
    if (this.#unwritten >= MAX_UNWRITTEN) {
      this.#lost++;
      return;
    }
    this.#unwritten++;
    const message = webhookMessage(incident);
    this.#writing = this.#writing
      .then(() => this.#queue.add(message))
      .catch((error: unknown) => {
        this.#lost++;
        this.#onDisk(error);
      })
      .finally(() => {
        this.#unwritten--;
        this.#wake();
      });
  }

  /** Ends; what was not delivered stays on disk for the next start. */
  async close(): Promise<void> {
    await this.#writing;
    this.#stopped.abort();
    clearTimeout(this.#pause ?? undefined);
    await this.#sending;
  }

  #wake(): void {
    if (this.#stopped.signal.aborted || this.#pause !== null) return;
    this.#sending ??= this.#send()
      .catch((error: unknown) => this.#onFailure({ reason: messageOf(error), retryAfterMs: null }))
      .finally(() => {
        this.#sending = null;
        if (this.#queue.length > 0) this.#wake(); // came at the last moment
      });
  }

  async #send(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const next = await this.#queue.first();
      if (next === null) return;
      const { entry, message } = next;
      const outcome = await this.#post(entry, message);
      if (this.#stopped.signal.aborted && outcome !== 'taken') return;
      if (outcome !== 'taken' && outcome !== 'refused') return this.#onFailure(outcome);
      await this.#queue.remove(entry);
      if (outcome === 'refused') this.#lost++;
      if (this.#failures > 0) this.#tell('info', 'is reached again', {});
      this.#failures = 0;
    }
  }

  async #post(entry: QueuedEntry, message: Buffer): Promise<'taken' | 'refused' | Failure> {
    const { url, secret, ca, timeoutMs } = this.options;
    const delivery = entry.name.replace(/\.json$/, '');
    try {
      const { status, retryAfter } = await post(url, message, {
        headers: {
          'content-type': 'application/json',
          'user-agent': `Weir/${WEIR_VERSION}`,
          'weir-delivery': delivery,
          'weir-signature': webhookSignature(message, secret, Date.now()),
        },
        ca,
        timeoutMs,
        signal: this.#stopped.signal,
      });
      if (status >= 200 && status < 300) return 'taken';
      if (!REFUSED.has(status)) return { reason: `it answers ${status}`, retryAfterMs: retryAfter };
      this.#tell('warn', `refuses a delivery with ${status}, which is given up`, { delivery });
      return 'refused';
    } catch (error) {
      return { reason: messageOf(error), retryAfterMs: null };
    }
  }

  #onFailure({ reason, retryAfterMs }: Failure): void {
    this.#failures++;
    const { pauseMs = PAUSE_MS } = this.options;
    const doubled = Math.min(MAX_PAUSE_MS, pauseMs * 2 ** Math.min(this.#failures - 1, 20));
    // Not all at the same moment, where several gateways tell one receiver.
    const pause = retryAfterMs ?? doubled * (0.75 + Math.random() / 4);
    this.#tell('warn', `cannot be reached: ${reason}`, { waiting: this.waiting, pauseMs: Math.round(pause) });
    this.#pause = setTimeout(
      () => {
        this.#pause = null;
        this.#wake();
      },
      Math.min(pause, MAX_PAUSE_MS),
    ).unref();
  }

  #onDisk(error: unknown): void {
    this.#tell('warn', `cannot keep incidents on disk: ${messageOf(error)}`, { folder: this.options.folder });
  }

  /** Never says the URL beyond its origin: paths of webhooks are often secret. */
  #tell(level: 'info' | 'warn', what: string, fields: object): void {
    const leftOut = this.#floods.pass(what.slice(0, 16));
    if (leftOut === null) return;
    const { name, url } = this.options;
    this.#log(level, `webhook ${name} (${new URL(url).origin}) ${what}`, {
      ...fields,
      dropped: this.dropped,
    });
  }
}

interface Failure {
  readonly reason: string;
  readonly retryAfterMs: number | null;
}

interface PostOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly ca: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Sends and reads the head of the answer; what a receiver has to say beyond is of no interest. */
async function post(
  url: string,
  body: Buffer,
  { headers, ca, timeoutMs, signal }: PostOptions,
): Promise<{ status: number; retryAfter: number | null }> {
  const { got } = await import('got'); // takes 60 ms to load, and most never need it
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const request = got.stream.post(url, {
      ...{ body, headers, followRedirect: false, throwHttpErrors: false, decompress: false },
      timeout: { request: timeoutMs },
      retry: { limit: 0 },
      https: ca.length === 0 ? {} : { certificateAuthority: [...ca] },
    });
    const onAbort = (): void => void request.destroy(new Error('Weir stops'));
    signal.addEventListener('abort', onAbort, { once: true });
    request.once('response', ({ statusCode, headers: fields }: Answer) => {
      const seconds = Number(fields['retry-after'] ?? NaN);
      resolve({ status: statusCode, retryAfter: Number.isFinite(seconds) ? seconds * 1000 : null });
      request.destroy();
    });
    request.on('error', reject);
    request.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error('the connection was closed'));
    });
  });
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
